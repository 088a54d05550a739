"""Test batches as names: an edited file generates only new rows, and a retry only failed ones."""

import json
import os
from datetime import timedelta
from typing import Any

import pytest

from core.batches.accept_row import AcceptRow
from core.batches.identity import batch_id_for, replacement_id
from core.batches.record import BatchRecord
from core.batches.run import BatchRun
from core.batches.staging import Staging
from core.generation import Failure, Generation, Status, iso
from core.records.lists import Lists
from core.workflow import Run
from tests.support.functions import Cloud, Doors
from tests.support.generations import claimed
from tests.support.revisions import KEY, Week, change, complete, file, records, reported
from wiring import now

BATCH_ID = batch_id_for("prompts", KEY)


def record() -> BatchRecord:
    return records().get(BATCH_ID).record


def latest_run() -> BatchRun:
    found = records().get(BATCH_ID).run
    assert found
    return found


@pytest.fixture
def week(doors: Doors) -> Week:
    return Week(doors)


def ids(answers: list[dict[str, Any]]) -> list[str]:
    return [answer["generation_id"] for answer in answers]


def test_fixing_one_of_three_rows_generates_only_that_row(week: Week) -> None:
    first = ids(week.accept(week.drop("a boat", "a kyte", "a kite")))
    complete(week.cloud, *first)
    given = week.drop("a boat", "a kite", "a kite")
    second = week.accept(given)
    assert ids(second)[:2] == [first[0], first[2]]
    assert ids(second)[2] not in first, "the second of two equal rows is separate"
    assert [answer["ended"] for answer in second] == [True, True, False]
    assert (latest_run().rows, latest_run().made_before, latest_run().revision) == (3, 2, 2)
    assert [(row["row"], row["generation_id"]) for row in week.report(given)] == list(enumerate(ids(second), start=1))


def test_a_run_of_old_content_does_not_replace_a_newer_report(week: Week) -> None:
    old = week.drop("a", "b")
    week.accept(old)
    new = week.drop("a")
    week.accept(new)
    assert len(week.report(new)) == 1
    week.cloud.invoke("report_batch", old)
    assert len(reported(new)) == 1
    assert [row["row"] for row in reported(old, apart="/revision-1")] == [1, 2]
    assert latest_run().ended_at is not None


def test_the_announcement_counts_existing_rows(week: Week) -> None:
    complete(week.cloud, *ids(week.accept(week.drop("a", "b"))))
    week.report(week.drop("a", "b", "c"))
    announced = [json.loads(one["Message"]) for one in week.cloud.messages()][-1]
    assert announced["totals"]["made_before"] == 2
    assert (announced["name"], announced["revision"]) == (KEY, 2)


def test_moved_and_removed_rows_are_reported_at_their_new_places(week: Week) -> None:
    first = ids(week.accept(week.drop("a", "b", "c")))
    given = week.drop("new", "c", "a")
    second = ids(week.accept(given))
    assert second[1:] == [first[2], first[0]]
    assert [number for number, _ in Lists(week.cloud.ledger).batch_rows(BATCH_ID, 2)] == [1, 2, 3]
    assert week.cloud.ledger.get(first[1]).revision == 1, "it is not in the file any more"
    assert Lists(week.cloud.ledger).batch_counts(BATCH_ID, 2) == {"queued": 3}


def test_changing_a_rows_name_or_tags_generates_nothing(week: Week) -> None:
    (first,) = ids(week.accept(week.drop("a", name="one", tags="x, y")))
    assert (week.cloud.ledger.get(first).name, week.cloud.ledger.get(first).tags) == ("one", ["x", "y"])
    assert "name" not in week.cloud.ledger.get(first).request
    (second,) = ids(week.accept(week.drop("a", name="two", tags=["z"])))
    assert second == first
    assert (week.cloud.ledger.get(first).name, week.cloud.ledger.get(first).tags) == ("two", ["z"])


def test_another_name_is_another_batch(week: Week) -> None:
    assert ids(week.accept(week.drop("a"))) != ids(week.accept(week.drop("a", key="other.jsonl")))


def test_the_same_content_again_starts_nothing(week: Week) -> None:
    week.drop("a")
    week.drop("a")
    assert len(week.doors.executions("BATCH_STATE_MACHINE_ARN")) == 1
    assert (record().revision, record().run) == (1, 1)


def test_a_batch_keeps_its_first_default_model(week: Week, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ids(week.accept(week.drop("a")))
    monkeypatch.setitem(os.environ, "DEFAULT_MODEL", "google/veo3")
    assert ids(week.accept(week.drop("a", "b")))[:1] == first


def test_a_generated_row_is_found_although_its_model_was_removed(week: Week, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ids(week.accept(week.drop("a")))
    complete(week.cloud, *first)
    monkeypatch.setitem(os.environ, "ALLOWED_MODELS", "google/veo3")
    given = week.drop("a", "b")
    answers = week.accept(given)
    assert ids(answers)[:1] == first
    assert latest_run().made_before == 1
    assert [row["status"] for row in week.report(given)] == ["completed", "error"]


def test_a_late_event_runs_its_rows_but_is_not_the_latest_revision(week: Week) -> None:
    early = week.doors.drop(KEY, file("a", "old"))
    week.drop("a", "new")
    seen = record()
    # S3's times have seconds: this content arrived well after the early one.
    arrived_at = iso((seen.content_at or now()) + timedelta(seconds=60))
    change({"batch_id": BATCH_ID}, content_at=arrived_at)
    assert week.doors.take(early) == []
    late = week.doors.executions("BATCH_STATE_MACHINE_ARN")[-1]["input"]
    assert late["run"].startswith(f"{BATCH_ID}-0-")
    assert (record().revision, record().content) == (1, seen.content)
    week.accept(late)
    assert {one.request["prompt"] for one in week.all} == {"a", "old"}
    week.cloud.invoke("report_batch", late)
    apart = late["run"].removeprefix(f"{BATCH_ID}-")
    assert [row["status"] for row in reported(late, apart=f"/{apart}")] == ["queued", "queued"]


@pytest.mark.parametrize("newest_first", [True, False])
def test_two_contents_read_concurrently_run_their_own_rows(
    week: Week, monkeypatch: pytest.MonkeyPatch, newest_first: bool
) -> None:
    """One is recorded and runs while the other, which found no batch either, is still being read and staged."""
    older, newer = week.doors.drop(KEY, file("a", "b")), week.doors.drop(KEY, file("c", "d"))
    fast, slow = (newer, older) if newest_first else (older, newer)
    staged = Staging.stage

    def staged_late(self: Staging, *args: Any) -> Any:
        monkeypatch.setattr(Staging, "stage", staged)
        assert week.doors.take(fast) == []
        return staged(self, *args)

    monkeypatch.setattr(Staging, "stage", staged_late)
    assert week.doors.take(slow) == []
    for one in week.doors.executions("BATCH_STATE_MACHINE_ARN"):
        week.accept(one["input"])
    assert sorted(one.request["prompt"] for one in week.all) == ["a", "b", "c", "d"]


def test_an_unreadable_revision_leaves_the_batch_unchanged(week: Week) -> None:
    week.drop("a")
    assert week.doors.take(week.doors.drop(KEY, "")) == []
    assert (record().revision, latest_run().rows) == (1, 1)
    assert "empty" in str(record().error)
    week.drop("a", "b")
    assert (record().revision, record().error) == (2, None)


def test_a_bad_row_is_rejected_and_generated_once_fixed(week: Week) -> None:
    assert week.doors.take(week.doors.drop(KEY, file("a", duration=99))) == []
    given = week.doors.executions("BATCH_STATE_MACHINE_ARN")[-1]["input"]
    assert (week.accept(given), week.all) == ([], [])
    assert [(row["prompt"], row["status"]) for row in week.report(given)] == [("a", "error")]
    answers = week.accept(week.drop("a", duration=5))
    assert [answer["ended"] for answer in answers] == [False]


def test_no_row_of_a_cancelled_batch_starts_until_it_is_sent_again(week: Week) -> None:
    given = week.drop("a", "b")
    (first,) = ids(week.accept(given))[:1]
    records().cancel(BATCH_ID, 1, now() - timedelta(hours=1))
    later = week.drop("a", "b", "c")
    assert not records().get(BATCH_ID).is_cancelled, "the content that arrived later runs"
    week.cancel(later)
    answers = week.accept(later)
    assert [answer["ended"] for answer in answers] == [False, False, True]
    assert ids(answers)[0] == first
    assert len(week.all) == 2


def test_the_report_of_a_cancelled_batch_says_so_and_the_batch_is_complete(week: Week) -> None:
    given = week.drop("a")
    week.cancel(given)
    week.accept(given)
    assert week.cloud.invoke("report_batch", given)["is_complete"]
    assert [(row["status"], row["error"]) for row in week.report(given)] == [
        ("not started", "The batch was cancelled before this row.")
    ]
    assert latest_run().ended_at is not None


def fail(cloud: Cloud, generation_id: str, name: str, *, submitted: bool = False) -> None:
    if submitted:
        claimed(cloud.ledger, Run(generation_id)).submitted("p1")
    cloud.ledger.fail(Run(generation_id), Failure(name, "no"))


def test_a_failed_row_stays_failed_when_its_file_is_sent_again(week: Week) -> None:
    (first,) = ids(week.accept(week.drop("a")))
    fail(week.cloud, first, "SubmissionTimedOut")
    assert week.accept(week.drop("a", "b"))[0]["ended"] is True


@pytest.mark.parametrize("submitted", [False, True])
def test_a_retry_rescues_a_row_once(week: Week, submitted: bool) -> None:
    given = week.drop("a")
    (first,) = ids(week.accept(given))
    fail(week.cloud, first, "VideoUnavailable", submitted=submitted)
    given = week.retry(given)
    (answer,) = week.accept(given)
    assert (answer["generation_id"], answer["execution"], answer["ended"]) == (first, f"{first}-1", False)
    assert week.accept(given) == [answer]
    expected = Status.GENERATING if submitted else Status.QUEUED
    assert week.cloud.ledger.get(first).status is expected, "what the provider has is not sent again"
    week.cloud.ledger.fail(week.cloud.ledger.get(first).run, Failure("VideoUnavailable", "again"))
    assert week.accept(given)[0]["ended"] is True, "it failed after it was tried again"
    assert week.accept(week.retry(given))[0]["execution"] == f"{first}-2"


@pytest.mark.parametrize("name", ["RequestRefused", "GenerationFailed"])
def test_a_row_retried_while_its_batch_is_cancelled_does_not_run(
    week: Week, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The cancel has already listed the running rows, and this one had not started again."""
    given = week.drop("a")
    (first,) = ids(week.accept(given))
    fail(week.cloud, first, name, submitted=name == "GenerationFailed")
    given = week.retry(given)
    begun = AcceptRow._begun

    def cancelled_meanwhile(self: AcceptRow, *args: Any) -> Generation | None:
        week.cancel(given)
        return begun(self, *args)

    monkeypatch.setattr(AcceptRow, "_begun", cancelled_meanwhile)
    (answer,) = week.accept(given)
    assert answer["ended"]
    error = week.cloud.ledger.get(answer["generation_id"]).error
    assert error is not None
    assert error.name == "Cancelled"


def test_a_retry_generates_a_row_again_that_the_provider_failed(week: Week) -> None:
    given = week.drop("a", "b")
    first, _ = ids(week.accept(given))
    fail(week.cloud, first, "GenerationFailed", submitted=True)
    given = week.retry(given)
    answers = week.accept(given)
    assert answers == week.accept(given)
    take = answers[0]["generation_id"]
    assert take != first
    assert answers[0]["ended"] is False
    assert week.cloud.ledger.get(first).retried_as == take
    assert [row["generation_id"] for row in week.report(given)] == ids(answers)
    assert Lists(week.cloud.ledger).batch_counts(BATCH_ID, 1) == {"queued": 2}
    assert ids(week.accept(week.drop("a", "b", "c")))[0] == take, "the row is its latest take from now on"


def test_a_retry_that_crashed_after_noting_the_replacement_generates_it(week: Week) -> None:
    given = week.drop("a")
    (first,) = ids(week.accept(given))
    fail(week.cloud, first, "GenerationFailed", submitted=True)
    given = week.retry(given)
    week.cloud.ledger.retried_as(week.cloud.ledger.get(first), replacement_id(first))
    (answer,) = week.accept(given)
    assert answer["ended"] is False
    assert answer["generation_id"] == replacement_id(first)


def test_a_retry_never_repeats_a_request_that_may_have_been_accepted(week: Week) -> None:
    given = week.drop("a")
    (first,) = ids(week.accept(given))
    claimed(week.cloud.ledger, Run(first))
    week.cloud.ledger.fail(Run(first), Failure("SubmissionUnknown", "?"))
    (answer,) = week.accept(week.retry(given))
    assert (answer["generation_id"], answer["execution"], answer["ended"]) == (first, first, True)
    assert week.cloud.ledger.get(first).retried_as is None


def test_files_belong_to_the_owner_of_their_folder(doors: Doors) -> None:
    doors.take(doors.drop("owners/zoe%40example%2Ecom/a.txt", "a boat"), doors.drop("owners/", "x"))
    assert [one.request["prompt"] for one in doors.of("zoe@example.com")] == ["a boat"]
