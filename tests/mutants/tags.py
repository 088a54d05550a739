"""Mistakes that lose a change of tags, or let it change more than the tags."""

from tests.mutants.mutant import Mutant

LEDGER = "functions/core/records/ledger.py"
EDITS = "tests/functions/test_edits.py"

MUTANTS = (
    Mutant(
        "A change of tags undoes another one that was made at the same time",
        LEDGER,
        '        seen = {"owner": generation.owner, "name": generation.name, "tags": generation.tags}\n',
        '        seen = {"owner": generation.owner}\n',
        noticed_by=f"{EDITS}::test_ten_changes_at_once_lose_nothing",
    ),
    Mutant(
        "A change of tags writes into the tombstone of a generation",
        LEDGER,
        '" AND ".join([f"attribute_not_exists({TOMBSTONE})", *unchanged])',
        '" AND ".join(unchanged)',
        noticed_by=f"{EDITS}::test_a_deleted_generation_cannot_be_changed",
    ),
    Mutant(
        "Another owner changes the tags of a generation",
        "functions/core/api/generations.py",
        "        if generation.owner != owner:\n            raise NotFound(missing)\n        return self._seen",
        "        return self._seen",
        noticed_by=f"{EDITS}::test_only_the_owner_can_change_a_generation",
    ),
    Mutant(
        "A changed tag makes the retry of another call become a known generation",
        "functions/core/intake/repeats.py",
        "tags = generation.tags or [] if sent is None else sent",
        "tags = generation.tags or []",
        noticed_by=f"{EDITS}::test_a_caller_that_knows_an_edited_generation_gets_no_retry_of_it",
    ),
    Mutant(
        "A later revision of a file removes the tags that its owner has added",
        LEDGER,
        'Condition(f"{is_later} AND {NOT_EDITED}")',
        "Condition(is_later)",
        noticed_by=f"{EDITS}::test_a_later_revision_of_a_file_keeps_what_the_owner_has_edited",
    ),
    Mutant(
        "A video expires by another rule than its record says, because its tags changed meanwhile",
        LEDGER,
        ", and_only_if=NO_RULE)",
        ")",
        noticed_by="tests/functions/test_retention.py::"
        "test_two_invocations_that_read_other_tags_store_the_video_with_the_recorded_rule",
    ),
    Mutant(
        "A change of tags moves what was counted before to other tags",
        "functions/core/money/usage.py",
        "for tag in counted.tags)",
        "for tag in generation.tags or ())",
        noticed_by="tests/unit/test_holds.py::test_a_tag_that_was_edited_between_failure_and_rescue_moves_in_the_sums",
    ),
    Mutant(
        "A search finds what has only one of its words",
        "functions/core/records/wanted.py",
        "return all(word in whole for word in self._words)",
        "return any(word in whole for word in self._words)",
        noticed_by="tests/unit/test_wanted.py",
    ),
)
