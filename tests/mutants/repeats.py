"""Mistakes around repeated POSTs without an idempotency key."""

from tests.mutants.mutant import Mutant

_FILE, _TESTS = "functions/core/intake/repeats.py", "tests/unit/test_repeats.py"

MUTANTS = (
    Mutant(
        "A retry claims a job again",
        _FILE,
        "if age >= WINDOW or number in self.seen:\n            return None\n        if number > self.last:",
        "if age >= WINDOW:\n            return None\n        if number:",
        noticed_by=f"{_TESTS}::test_a_job_is_claimed_once_by_each_number_of_retries",
    ),
    Mutant(
        "A retry claims a job that its client knows",
        _FILE,
        "return None if self.fetched else self._with(number, received_at)",
        "return self._with(number, received_at)",
        noticed_by=f"{_TESTS}::test_a_job_that_the_key_has_fetched_is_not_claimed",
    ),
    Mutant(
        "Concurrent repetitions do not collide",
        _FILE,
        '    return Condition("#last_write = :seen", {":seen": marker["last_write"]})\n',
        '    return Condition("attribute_exists(#last_write)")\n',
        noticed_by=f"{_TESTS}::test_a_claim_that_another_retry_makes_first_is_not_made_again",
    ),
    Mutant(
        "An original that its retry has overtaken is another job",
        _FILE,
        "return self._with(number, received_at) if received_at < self.received_at else None",
        "return None",
        noticed_by=f"{_TESTS}::test_a_request_that_is_still_being_accepted_and_its_retry_are_one_job",
    ),
    Mutant(
        "A retry of another owner or key claims the job",
        _FILE,
        "digest(generation.owner, key_line or '', fingerprint",
        "digest(fingerprint",
        noticed_by=f"{_TESTS}::test_a_retry_of_another_key_or_request_is_another_job",
    ),
    Mutant(
        "A repetition needs room in a budget",
        "functions/core/intake/accept.py",
        "            marker = Repeats(self.ledger).noting(new, sending)\n            hold = opening()\n",
        "            hold = opening()\n            marker = Repeats(self.ledger).noting(new, sending)\n",
        noticed_by=f"{_TESTS}::test_a_repetition_costs_nothing_and_needs_no_room_in_a_budget",
    ),
)
