"""A staged row survives its line of rows.jsonl, and the keys of that line do not change."""

import json

import pytest

from core.batches.staged_row import Span, StagedRow
from core.generation import Label, Webhook

# A line as it is in S3: batches that were staged by an earlier version are still accepted and reported.
REQUESTED = {
    "batch_id": "b",
    "row": 3,
    "generation_id": "g3",
    "revision": 2,
    "owner": "ann",
    "source_ref": "s3://prompts/a.csv",
    "name": "Boat",
    "tags": ["red", "size=small"],
    "webhook": {"url": "https://example.com", "events": ["failed"]},
    "request": {"model": "m", "prompt": "a süßes boat", "video_url": "generation:g1"},
    "needs": {"g1": [10, 20]},
    "rows_key": "batches/b/2-a/rows.jsonl",
}
ONLY = ("batch_id", "row", "generation_id", "owner", "source_ref", "request")
LATE = {name: REQUESTED[name] for name in ONLY}


@pytest.mark.parametrize("line", [REQUESTED, LATE])
def test_a_line_becomes_a_row_and_the_same_line_again(line: dict[str, object]) -> None:
    assert json.loads(StagedRow.from_line(line).to_line()) == line


def test_a_line_has_all_that_the_row_needs() -> None:
    row = StagedRow.from_line(REQUESTED)
    assert row == StagedRow(
        batch_id="b",
        number=3,
        revision=2,
        owner="ann",
        source_ref="s3://prompts/a.csv",
        generation_id="g3",
        label=Label("Boat", ("red", "size=small"), Webhook("https://example.com", ["failed"])),
        request={"model": "m", "prompt": "a süßes boat", "video_url": "generation:g1"},
        needs={"g1": Span(first=10, length=20)},
        rows_key="batches/b/2-a/rows.jsonl",
    )
    place = row.place(run=4)
    assert (place.batch_id, place.number, place.revision, place.run) == ("b", 3, 2, 4)


def test_a_row_of_content_that_arrived_late_has_revision_0() -> None:
    assert StagedRow.from_line(LATE).revision == 0


@pytest.mark.parametrize("line", [{}, 5, [], {**REQUESTED, "needs": {"g1": [1, 2, 3]}}, {"row": 1}])
def test_a_line_that_was_not_staged_is_not_a_row(line: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, AttributeError)):
        StagedRow.from_line(line)
