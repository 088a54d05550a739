"""Mistakes in the sandbox."""

from tests.mutants.mutant import Mutant

_TESTS = "tests/unit/simulator/test_sandbox.py"

MUTANTS = (
    Mutant(
        "The sandbox accepts ids that it did not make",
        "sandbox/identity.py",
        "    if not hmac.compare_digest(code.encode(), _code(secret, content, model).encode()):\n        return None\n",
        "",
        noticed_by=f"{_TESTS}::test_a_foreign_id_is_unknown",
    ),
    Mutant(
        "The sandbox loses a call whose answer is lost",
        "sandbox/directives.py",
        '"accept": True, "repeat": True}]',
        '"accept": False, "repeat": True}]',
        noticed_by=f"{_TESTS}::test_the_prompt_says_what_create_calls_answer",
    ),
    Mutant(
        "Anyone can fill the sandbox's table",
        "sandbox/simulate_provider.py",
        "not hmac.compare_digest(given.encode(), receiver_of(key).encode())",
        "not given",
        noticed_by=f"{_TESTS}::test_webhooks_are_received_only_under_the_secret_name",
    ),
    Mutant(
        "A deleted sandbox leaves its secrets",
        "infra/destroy.py",
        "            secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)\n",
        "            secrets.delete_secret(SecretId=arn)\n",
        noticed_by="tests/infra/test_destroy.py::test_buckets_are_emptied_and_secrets_forgotten",
    ),
)
