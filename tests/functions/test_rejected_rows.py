"""Test that a rejected row is in the report of its run and nowhere else, and that rejected rows are limited."""

import json
from typing import Any

import boto3
import pytest

from core.batches import rejection_limit, run, staging
from core.batches.rejection import Rejection
from core.batches.rejection_limit import RejectionLimit
from core.batches.table import BatchRecords
from core.generation import Status
from tests.support.functions import Doors, call
from tests.support.inputs import MODEL, PNG, keys
from tests.support.revisions import Week, complete, file, records, staged
from wiring import now

NAME = "week.jsonl"
KEY = f"owners/ann/{NAME}"
PATH = "/v2/batches"
GONE = "upload:" + "0" * 32
GOOD, BAD = {"prompt": "a"}, {"prompt": "a", "duration": 99}
MISSING = {"model": MODEL, "prompt": "it moves", "image_url": GONE}


class Ann(Week):
    """Drop files of ann, and call the API about their batch."""

    def send(self, *requests: dict[str, Any], **metadata: str) -> dict[str, Any]:
        body = "".join(json.dumps(one) + "\n" for one in requests)
        assert self.doors.take(self.doors.drop(KEY, body, **metadata)) == []
        given: dict[str, Any] = self.doors.executions("BATCH_STATE_MACHINE_ARN")[-1]["input"]
        return given

    def post(self, given: dict[str, Any], action: str, status: int = 200) -> dict[str, Any]:
        found, answer = call(self.cloud, "POST", f"{PATH}/{given['batch_id']}/{action}")
        assert found == status, answer
        return answer

    def shown(self) -> dict[str, Any]:
        (batch,) = call(self.cloud, "GET", PATH)[1]["data"]
        return call(self.cloud, "GET", PATH, query=f"batch_id={batch['id']}")[1]

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = call(self.cloud, "GET", f"{PATH}/{self.shown()['id']}/report")[1]["data"]
        return found

    @property
    def last(self) -> dict[str, Any]:
        given: dict[str, Any] = self.doors.executions("BATCH_STATE_MACHINE_ARN")[-1]["input"]
        return given


@pytest.fixture
def ann(doors: Doors) -> Ann:
    return Ann(doors)


def put_upload() -> None:
    """Upload the picture that a row names."""
    boto3.client("s3").put_object(Bucket="videos", Key=f"uploads/ann/{'0' * 32}", Body=PNG)


@pytest.mark.parametrize("row", [BAD, MISSING], ids=["while the file is read", "when it is accepted"])
def test_a_rejected_row_is_in_the_report_and_nowhere_else(ann: Ann, row: dict[str, Any]) -> None:
    given = ann.send(GOOD, {**row, "name": "boat", "tags": "sea", "webhook": "https://example.com/x"})
    for _ in range(2):
        ann.accept(given)
    (recorded,) = ann.doors.of("ann")
    assert recorded.request["prompt"] == "a"
    assert (ann.cloud.messages(), ann.shown()["counts"]["error"], ann.shown()["rejected"]) == ([], 1, 1)
    for rows in (ann.rows(), ann.report(given)):
        assert [one["status"] for one in rows] == ["queued", "error"]
        assert (rows[1]["prompt"], rows[1]["name"], rows[1]["tags"]) == (row["prompt"], "boat", ["sea"])
        assert rows[1]["error"].startswith("InvalidRequest: ")
        assert rows[1]["generation_id"] is None
    table = boto3.client("dynamodb").scan(TableName="generations", Select="COUNT")
    assert table["Count"] == 1


def test_a_row_that_was_rejected_once_counts_once_when_it_is_completed(ann: Ann) -> None:
    given = ann.send(GOOD, MISSING)
    ann.accept(given)
    complete(ann.cloud, ann.doors.of("ann")[0].generation_id)
    ann.report(given)
    assert ann.shown()["counts"] == {"not_started": 0, "queued": 0, "generating": 0, "completed": 1, "error": 1}
    put_upload()
    ann.post(given, "retry")
    ann.accept(ann.last)
    newest = next(one for one in ann.doors.of("ann") if not one.status.ended)
    complete(ann.cloud, newest.generation_id)
    for rows in (ann.rows(), ann.report(ann.last)):
        assert [(one["status"], one["error"]) for one in rows] == [("completed", None)] * 2
    assert ann.shown()["counts"] == {"not_started": 0, "queued": 0, "generating": 0, "completed": 2, "error": 0}


def test_sending_the_file_again_accepts_a_row_whose_input_has_arrived(ann: Ann) -> None:
    given = ann.send(GOOD, MISSING)
    ann.accept(given)
    complete(ann.cloud, ann.doors.of("ann")[0].generation_id)
    ann.report(given)
    put_upload()
    again = ann.send(GOOD, MISSING)
    assert [one["ended"] for one in ann.accept(again)] == [True, False]
    assert (again["run"][-2:], ann.shown()["revision"]) == ("-2", 1)


def test_a_row_is_rejected_once_in_a_run_even_if_its_input_arrives(ann: Ann) -> None:
    given = ann.send(MISSING)
    ann.accept(given)
    put_upload()
    assert [one["ended"] for one in ann.accept(given)] == [True]
    assert ann.shown()["counts"]["error"] == 1


def test_a_retry_of_rows_that_cannot_be_valid_is_refused(ann: Ann) -> None:
    given = ann.send(GOOD, BAD)
    ann.accept(given)
    complete(ann.cloud, ann.doors.of("ann")[0].generation_id)
    ann.report(given)
    assert "only invalid rows left" in ann.post(given, "retry", status=409)["message"]


def test_a_file_with_too_many_invalid_rows_starts_nothing_and_says_so(
    ann: Ann, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "MAX_REJECTED", 3)
    body = file("a", "b") + "".join(json.dumps({**BAD, "seed": number}) + "\n" for number in range(9))
    assert ann.doors.take(ann.doors.drop(KEY, body)) == []
    assert ann.doors.executions("BATCH_STATE_MACHINE_ARN") == []
    (listed,) = call(ann.cloud, "GET", PATH)[1]["data"]
    assert listed["status"] == "error"
    said = listed["error"]["message"]
    assert "3 rows are not valid, so the file was not read further and nothing was started" in said
    assert "row 3. Line 3: `duration`" in listed["error"]["message"]
    assert [one.status for one in ann.doors.of("ann")] == [Status.ERROR], "the file, and none of its rows"


def test_a_batch_stops_after_too_many_rejected_rows_and_its_started_rows_continue(
    ann: Ann, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "MAX_REJECTED", 3)
    bad = [{**MISSING, "prompt": f"it moves {number}"} for number in range(3)]
    given = ann.send(GOOD, *bad, {"prompt": "z"})
    answers = ann.accept(given)
    assert [(one["ended"], one["stopped"]) for one in answers] == [
        (False, False),
        *[(True, False)] * 3,
        (True, True),
    ]
    first, *_ = ann.accept(given)
    assert (first["ended"], first["stopped"]) == (False, False), "it is waited for"
    assert ann.cloud.invoke("report_batch", given) == {"is_complete": False, "has_stopped": True}
    assert ann.shown()["status"] == "running"
    complete(ann.cloud, ann.doors.of("ann")[0].generation_id)
    shown = ann.shown()
    assert (shown["status"], shown["rejected"]) == ("stopped", 3)
    assert shown["held_back"].startswith("3 rows were rejected, so no more rows were started.")
    assert [one["status"] for one in ann.rows()] == ["completed", "error", "error", "error", "not started"]
    assert ann.rows()[4]["error"].startswith("3 rows were rejected")
    (announced,) = [json.loads(one["Message"]) for one in ann.cloud.messages()]
    assert announced["held_back"].startswith("3 rows were rejected")


def limit_to(ann: Ann, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setenv("REJECTED_ROWS_AN_HOUR", str(rows))
    ann.cloud.started.clear()


def test_an_owner_with_too_many_rejected_rows_in_an_hour_is_not_read_until_the_next(
    ann: Ann, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    limit_to(ann, monkeypatch, 2)
    given = ann.send(GOOD, BAD)
    ann.send(GOOD, BAD, BAD)
    metrics = [line for line in capsys.readouterr().out.splitlines() if "RejectedRowsExceeded" in line]
    assert len(metrics) == 1, "when the limit is reached, and not for each row"
    for key in (KEY, "owners/ann/other.jsonl", "owners/ann/one.json"):
        assert ann.doors.take(ann.doors.drop(key, json.dumps(GOOD))) == []
    assert len(ann.doors.executions("BATCH_STATE_MACHINE_ARN")) == 2
    assert ann.shown()["error"]["name"] == "TooManyRejectedRows"
    assert "At least 2 rows were rejected in this hour" in ann.shown()["error"]["message"]
    (failed,) = ann.doors.of("ann")
    assert (failed.error and failed.error.name) == "TooManyRejectedRows", "once for all files of the hour"
    assert len(ann.cloud.messages()) == 1
    for query in (f"name={NAME}", f"name={NAME}&upload=true"):
        body = None if "upload" in query else json.dumps(GOOD)
        status, answer = call(ann.cloud, "POST", PATH, query=query, body=body)
        assert (status, "after" in answer["message"]) == (403, True)
    assert call(ann.cloud.caller("bob"), "POST", PATH, query=f"name={NAME}", body=json.dumps(GOOD))[0] == 200
    with_key = ann.cloud.caller("ann", key_id="b7c1d2e3")
    assert call(with_key, "POST", PATH, query="name=key.jsonl", body=json.dumps(GOOD))[0] == 200, (
        "a key counts on its own"
    )
    ann.cloud.invoke("report_batch", given)
    monkeypatch.setattr(RejectionLimit, "_hour", lambda self: self.records.now() + rejection_limit.HOUR)
    ann.send(GOOD)
    assert len(ann.doors.executions("BATCH_STATE_MACHINE_ARN")) == 3


def test_a_batch_whose_key_reaches_the_limit_stops(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_to(ann, monkeypatch, 2)
    bad = [{**MISSING, "prompt": f"it moves {number}"} for number in range(2)]
    given = ann.send(*bad, GOOD, key_line="b7c1d2e3")
    assert [one["stopped"] for one in ann.accept(given)] == [False, False, True]
    assert "2 rows were rejected in this hour" in ann.shown()["held_back"]
    assert ann.doors.of("ann") == []
    other = ann.send({"prompt": "other"}, key_line="c8d2e3f4")
    assert [one["stopped"] for one in ann.accept(other)] == [False]


def test_a_death_at_any_point_of_a_rejection_counts_it_once(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row and the number in its run are one transaction, so a repetition finds both or none."""
    given = ann.send(MISSING, GOOD)
    reject = BatchRecords.reject

    def reject_and_die(self: BatchRecords, *args: Any) -> bool:
        reject(self, *args)
        raise TimeoutError

    with monkeypatch.context() as patched:
        patched.setattr(BatchRecords, "reject", reject_and_die)
        with pytest.raises(TimeoutError):
            ann.cloud.invoke("accept_row", staged(given)[0])
    ann.accept(given)
    assert (records().run(given["run"]).rejected, ann.shown()["counts"]["error"]) == (1, 1)


class Repeating:
    """A client that makes each transaction twice, as the SDK does when it loses the answer."""

    def __init__(self) -> None:
        self._client = boto3.client("dynamodb")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **asked: Any) -> Any:
        self._client.transact_write_items(**asked)
        return self._client.transact_write_items(**asked)


def test_a_run_and_a_rejection_whose_answers_are_lost_are_recorded_once(ann: Ann) -> None:
    latest = records().get(ann.send(GOOD)["batch_id"]).run
    assert latest
    dynamodb: Any = Repeating()
    repeating = BatchRecords(dynamodb, "batches", now)
    again = latest.retried(None, now())
    assert repeating.begin(again, None)
    assert repeating.reject(again, Rejection(1, "no"))
    assert not repeating.reject(again, Rejection(1, "no"))
    assert records().run(again.id).rejected == 1


def test_nobody_sees_anothers_rejected_rows(ann: Ann) -> None:
    given = ann.send(BAD)
    for path in (f"{PATH}/{given['batch_id']}/report", f"{PATH}?batch_id={given['batch_id']}"):
        where, _, query = path.partition("?")
        assert call(ann.cloud.caller("bob"), "GET", where, query=query)[0] == 404


def test_a_row_without_budget_is_held_back_and_not_rejected(ann: Ann) -> None:
    given = ann.send(GOOD)
    records().hold_back(given["run"], "The budget is used up.")
    records().hold_back(given["run"], "Another reason.")
    assert ann.shown()["held_back"] == "The budget is used up."
    assert ann.shown()["rejected"] == 0


def test_the_number_of_rejected_rows_of_an_hour_expires(ann: Ann) -> None:
    ann.send(BAD)
    items = boto3.client("dynamodb").scan(TableName="batches")["Items"]
    (counter,) = [one for one in items if one["batch_id"]["S"].startswith("rejected/owner/ann/")]
    assert counter["rows"] == {"N": "1"}
    assert int(counter["expires_at"]["N"]) > now().timestamp()
    assert keys("batches/")
