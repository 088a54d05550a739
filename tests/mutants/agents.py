"""Mistakes around the tools for agents."""

from tests.mutants.mutant import Mutant

_FILE, _TESTS = "client/promptreel/agents.py", "tests/unit/client/test_agents.py"

MUTANTS = (
    Mutant(
        "An agent creates with the estimate of another request",
        _FILE,
        "if found is None or estimate != _token(price := Decimal(found[1]), body):",
        "if found is None or not (price := Decimal(found[1])):",
        noticed_by=f"{_TESTS}::test_the_estimate_of_another_request_is_rejected",
    ),
    Mutant(
        "An agent that estimates again pays again",
        _FILE,
        'key = f"mcp-{_digest(body)}-{take}"',
        'key = f"mcp-{_digest(estimate)}-{take}"',
        noticed_by=f"{_TESTS}::test_a_repeated_create_is_the_same_video_whatever_happened_between",
    ),
    Mutant(
        "An agent pays a price that it did not see",
        _FILE,
        "if price > accepted:",
        "if price > 10 * accepted:",
        noticed_by=f"{_TESTS}::test_a_price_that_rose_must_be_estimated_again",
    ),
    Mutant(
        "An agent spends with a key that has no budget",
        _FILE,
        'any(one.scope.startswith("key/") for one in money)',
        "money",
        noticed_by=f"{_TESTS}::test_a_key_without_a_budget_spends_nothing",
    ),
)
