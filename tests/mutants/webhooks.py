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
        noticed_by="tests/unit/test_webhooks.py::test_an_attempt_that_fails_late_changes_nothing_of_the_one_after_it",
    ),
    Mutant(
        "After a rotation webhooks are signed with the newest secret only",
        "functions/core/webhooks/records.py",
        "self.latest - len(self.changed_at) - 1, -1",
        "self.latest - 1, -1",
        noticed_by="tests/unit/test_webhooks.py::test_for_a_day_messages_are_signed_with_the_secret_before_too",
    ),
)
