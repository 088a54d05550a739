"""Mistakes in delivering webhooks."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "A webhook attempt is claimed before it is due",
        "functions/core/webhooks/records.py",
        ' AND #due_at <= :now"',
        ' AND (#due_at <= :now OR #due_at > :now)"',
        noticed_by="tests/unit/test_webhooks.py::test_an_attempt_is_claimed_when_it_is_due_and_not_before",
    ),
    Mutant(
        "A webhook attempt that fails late overrides the next attempt",
        "functions/core/webhooks/records.py",
        '"#status = :pending AND #attempts = :own"',
        '"#status = :pending AND #attempts >= :own"',
        noticed_by="tests/unit/test_webhooks.py::test_a_late_failure_does_not_change_the_next_attempt",
    ),
    Mutant(
        "After a rotation webhooks are signed with the newest secret only",
        "functions/core/webhooks/records.py",
        "self.latest - len(self.changed_at) - 1, -1",
        "self.latest - 1, -1",
        noticed_by="tests/unit/test_webhooks.py::test_messages_are_also_signed_with_the_previous_secret_for_a_day",
    ),
)
