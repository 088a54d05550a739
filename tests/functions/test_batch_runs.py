"""Test that each run of a batch keeps to itself: retries, cancels and late writes at the same time."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest

from core.batches import api
from core.batches.accept_row import AcceptRow, pause_of
from core.batches.api import BatchApi
from core.batches.start import BatchStart
from core.batches.table import BatchRecords
from core.generation import Failure, Generation, Status
from core.intake.accept import Intake
from core.money.budgets import Budgets, Limits
from core.records.ledger import Ledger
from core.records.lists import Lists
from core.rescue import rescue
from core.workflow import Run
from tests.support.events import event
from tests.support.functions import Doors, before, call
from tests.support.generations import claimed, generation
from tests.support.revisions import Week, complete, file, records, staged
from tests.support.states import batch_definition, batch_states
from wiring import now

NAME = "week.jsonl"
KEY = f"owners/ann/{NAME}"
PATH = "/v2/batches"


class Ann(Week):
    """Drop files of ann, and call the API about their batch."""

    def send(self, *prompts: str, **more: Any) -> dict[str, Any]:
        """Drop the file and return the input of its execution."""
        return self.drop(*prompts, key=KEY, **more)

    def post(self, given: dict[str, Any], action: str) -> dict[str, Any]:
        status, answer = call(self.cloud, "POST", f"{PATH}/{given['batch_id']}/{action}")
        assert status == 200, answer
        return answer

    def shown(self, given: dict[str, Any]) -> dict[str, Any]:
        return call(self.cloud, "GET", PATH, query=f"batch_id={given['batch_id']}")[1]

    def rows(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = call(self.cloud, "GET", f"{PATH}/{given['batch_id']}/report")[1]["data"]
        return found

    def fail(self, name: str = "RequestRefused") -> None:
        """Fail all running rows."""
        for one in self.doors.of("ann"):
            self.cloud.ledger.fail(one.run, Failure(name, "no"))

    @property
    def runs(self) -> list[dict[str, Any]]:
        """Return the inputs of the executions, oldest first."""
        return [one["input"] for one in self.doors.executions("BATCH_STATE_MACHINE_ARN")]

    @property
    def found(self) -> dict[int, Generation]:
        return {one.row_number or 0: one for one in self.doors.of("ann")}


@pytest.fixture
def ann(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> Ann:
    monkeypatch.setattr(api, "LAG_SECONDS", 0)
    return Ann(doors)


def test_two_retries_at_once_are_one_run(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one decided to retry before the first one had created its run."""
    given = ann.send("a", "b")
    ann.accept(given)
    ann.fail()
    ann.report(given)
    before(monkeypatch, BatchStart, "retry", lambda: ann.post(given, "retry"))
    assert ann.post(given, "retry")["status"] == "running"
    first, second = ann.runs
    assert (first["run"][-2:], second["run"][-2:]) == ("-1", "-2")
    ann.accept(second)
    ann.fail()
    ann.report(second)
    assert ann.shown(given)["status"] == "completed"


def test_a_run_is_created_once(ann: Ann) -> None:
    latest = records().get(ann.send("a")["batch_id"]).run
    assert latest
    again = latest.retried(None, now())
    assert [records().begin(again, None), records().begin(again, None)] == [True, False]


def test_a_retry_that_died_before_its_execution_is_started_by_the_next(ann: Ann) -> None:
    given = ann.send("a")
    ann.accept(given)
    ann.fail()
    ann.report(given)
    retried = ann.retry(given)
    assert len(ann.runs) == 1
    assert ann.post(given, "retry")["status"] == "running"
    assert [one["run"] for one in ann.runs] == [given["run"], retried["run"]]


@pytest.mark.parametrize("has_ended", [True, False], ids=["its rows have ended", "its rows are running"])
def test_a_retry_continues_a_run_whose_execution_was_aborted(ann: Ann, *, has_ended: bool) -> None:
    """Otherwise nothing would wait for the rows that are running, and nothing would report them."""
    given = ann.send("a")
    ann.accept(given)
    ann.post(given, "cancel")
    ann.report(given)
    ann.post(given, "retry")
    ann.accept(ann.runs[-1])
    (arn,) = (one["executionArn"] for one in ann.doors.executions("BATCH_STATE_MACHINE_ARN")[-1:])
    boto3.client("stepfunctions").stop_execution(executionArn=arn)
    if has_ended:
        complete(ann.cloud, ann.found[1].generation_id)
    assert ann.shown(given)["status"] == ("stopped" if has_ended else "running")
    ann.post(given, "retry")
    assert len(ann.runs) == 3
    ann.report(ann.runs[-1])
    assert ann.shown(given)["status"] == ("completed" if has_ended else "running")


def test_a_row_retried_during_a_cancel_is_not_cancelled_again(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cancel lists the running rows after the retry has started one."""
    given = ann.send("a", "b")
    ann.accept(given)
    ann.cloud.ledger.fail(ann.found[1].run, Failure("RequestRefused", "no"))

    def retry() -> None:
        ann.post(given, "retry")
        ann.accept(ann.runs[-1])

    before(monkeypatch, Lists, "running_in_batch", retry)
    ann.post(given, "cancel")
    assert ann.found[1].status is Status.QUEUED, "the retry has started it"
    error = ann.found[2].error
    assert (error and error.name) == "Cancelled", "the cancelled run had started it"
    ann.accept(ann.runs[-1])
    assert ann.found[2].status is Status.QUEUED, "so the retry runs it again"
    assert ann.shown(given)["status"] == "running"


def test_a_retry_polls_a_row_that_an_earlier_run_may_still_cancel(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it waited for the row's workflow, it would leave the row cancelled."""
    given = ann.send("a")
    assert [answer["is_polled"] for answer in ann.accept(given)] == [False]
    with monkeypatch.context() as patched:
        patched.setattr(api, "CANCEL_SECONDS", 0)
        ann.post(given, "cancel")
    given = ann.retry(given)
    assert [(answer["ended"], answer["is_polled"]) for answer in ann.accept(given)] == [(False, True)]
    ann.fail("Cancelled")
    ann.cloud.started.clear()
    assert [(answer["ended"], answer["is_polled"]) for answer in ann.accept(given)] == [(False, False)]
    polled = next(choice for choice in batch_states()["HasRowEnded?"]["Choices"] if "is_polled" in choice["Variable"])
    assert polled["Next"] == "WaitForRow"


def test_a_retry_at_the_same_time_as_new_content_is_refused(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run of the new content does not run the failed rows again."""
    given = ann.send("a", "b")
    ann.accept(given)
    ann.fail()
    ann.report(given)
    before(monkeypatch, BatchStart, "retry", lambda: ann.send("a", "b", "c"))
    status, answer = call(ann.cloud, "POST", f"{PATH}/{given['batch_id']}/retry")
    assert (status, len(ann.runs)) == (409, 2)
    assert "Retry its failed rows afterwards" in answer["message"]


def test_a_batch_is_cancelling_until_no_row_is_running(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ann.send("a")
    ann.accept(given)
    with monkeypatch.context() as patched:
        patched.setattr(api, "CANCEL_SECONDS", 0)
        cancelling = ann.post(given, "cancel")
    assert (cancelling["status"], bool(cancelling["cancelled_at"])) == ("cancelling", True)
    assert ann.post(given, "cancel")["status"] == "cancelled"


def test_a_late_write_of_an_earlier_run_does_not_mark_the_latest(ann: Ann) -> None:
    given = ann.send("a", "b")
    ann.post(given, "cancel")
    ann.report(given)
    ann.post(given, "retry")
    records().hold_back(given["run"], "no money")
    records().stop(given["run"], "too many")
    records().ended(given["run"], is_complete=False)
    found = ann.shown(given)
    assert (found["status"], found["held_back"], found["ended_at"]) == ("running", None, None)


def test_a_late_row_of_an_earlier_run_is_rejected_there(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ann.send("a")
    ann.report(given)
    ann.post(given, "retry")
    with monkeypatch.context() as patched:
        patched.setenv("ALLOWED_MODELS", "google/veo3")
        ann.cloud.invoke("accept_row", staged(given)[0])
    assert (records().run(given["run"]).rejected, ann.shown(given)["rejected"]) == (1, 0)
    ann.cloud.started.clear()
    assert [answer["ended"] for answer in ann.accept(ann.runs[-1])] == [False]


def test_a_new_row_of_a_batch_that_is_cancelled_meanwhile_does_not_run(
    ann: Ann, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cancel has listed the running rows before this one is recorded."""
    given = ann.send("a")
    before(monkeypatch, Intake, "accept", lambda: ann.post(given, "cancel"))
    (answer,) = ann.accept(given)
    assert answer["ended"]
    error = ann.found[1].error
    assert (error and error.name) == "Cancelled"


def test_a_batch_that_is_cancelled_while_its_file_is_read_runs_nothing(
    ann: Ann, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ann.send("a")
    before(monkeypatch, BatchRecords, "begin", lambda: ann.post(first, "cancel"))
    given = ann.send("a", "b", "c")
    assert [answer["ended"] for answer in ann.accept(given)] == [True, True, True]
    assert (ann.shown(given)["status"], ann.found) == ("cancelled", {})


def test_the_same_event_again_does_not_cancel_a_retry(ann: Ann) -> None:
    dropped = ann.doors.drop(KEY, file("a"))
    assert ann.doors.take(dropped) == []
    (given,) = ann.runs
    ann.post(given, "cancel")
    ann.report(given)
    ann.post(given, "retry")
    assert ann.doors.take(dropped) == []
    assert [answer["ended"] for answer in ann.accept(ann.runs[-1])] == [False]
    assert len(ann.runs) == 2


def test_a_late_event_of_a_cancelled_file_starts_nothing(ann: Ann) -> None:
    early = ann.doors.drop(KEY, file("old"))
    given = ann.send("new")
    seen = records().get(given["batch_id"]).record
    assert seen.content_at
    records().cancel(given["batch_id"], 1, seen.content_at)
    boto3.client("dynamodb").update_item(
        TableName="batches",
        Key={"batch_id": {"S": given["batch_id"]}},
        UpdateExpression="SET content_at = :later",
        ExpressionAttributeValues={":later": {"S": "2999-01-01T00:00:00.000Z"}},
    )
    assert ann.doors.take(early) == []
    assert len(ann.runs) == 1


def test_a_file_that_is_read_before_its_sender_has_the_answer_does_not_stay_unread(
    ann: Ann, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another file is sent under the same name and read at the same time."""

    def read_both() -> None:
        found = boto3.client("s3").get_object(Bucket="prompts", Key=KEY)
        created = event("object_created")
        created["detail"]["object"] |= {"key": KEY, "etag": found["ETag"].strip('"'), "version-id": found["VersionId"]}
        assert ann.doors.take(created) == []
        ann.send("a", "b")

    before(monkeypatch, BatchApi, "get", read_both)
    status, sent = call(ann.cloud, "POST", PATH, query=f"name={NAME}", body=file("a"))
    assert (status, sent["status"], sent["rows"]) == (200, "running", 2)


def test_a_batch_is_read_when_the_file_that_was_sent_last_is(ann: Ann) -> None:
    status, sent = call(ann.cloud, "POST", PATH, query=f"name={NAME}", body=file("a"))
    assert (status, sent["status"]) == (200, "reading")
    ann.send("b")
    assert ann.shown({"batch_id": sent["id"]})["status"] == "reading", "another file was read"
    ann.send("a")
    assert ann.shown({"batch_id": sent["id"]})["status"] == "running"


def test_sending_the_content_again_that_was_read_ends_the_error_of_another(ann: Ann) -> None:
    given = ann.send("a")
    assert ann.doors.take(ann.doors.drop(KEY, "")) == []
    assert ann.shown(given)["error"]["name"] == "InvalidFile"
    ann.send("a")
    assert (ann.shown(given)["error"], len(ann.runs)) == (None, 1)


def test_what_is_removed_from_a_row_is_removed_from_its_generation(ann: Ann) -> None:
    label = {"name": "boat", "tags": ["sea"], "webhook": "https://example.com/x"}
    ann.accept(ann.send("a", **label))
    earlier = ann.found[1]
    assert (earlier.name, earlier.tags, earlier.webhook is None) == ("boat", ["sea"], False)
    ann.accept(ann.send("a"))
    later = ann.found[1]
    assert (later.generation_id, later.revision) == (earlier.generation_id, 2)
    assert (later.name, later.tags, later.webhook) == (None, None, None)


def test_a_replacement_that_is_rejected_leaves_one_failed_row(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ann.send("a", "b")
    ann.accept(given)
    for one in ann.doors.of("ann"):
        claimed(ann.cloud.ledger, one.run).submitted("p1")
    ann.fail("GenerationFailed")
    ann.report(given)
    given = ann.retry(given)
    monkeypatch.setenv("ALLOWED_MODELS", "google/veo3")
    ann.cloud.started.clear()
    assert [answer["ended"] for answer in ann.accept(given)] == [True, True]
    ann.cloud.started.clear()
    for rows in (ann.rows(given), ann.report(given)):
        assert [row["error"].partition(":")[0] for row in rows] == ["InvalidRequest", "InvalidRequest"]
    counts = ann.shown(given)["counts"]
    assert (counts["error"], counts["not_started"]) == (2, 0)


@pytest.mark.parametrize("failure", [None, "RequestRefused", "GenerationFailed"])
def test_a_row_accepted_twice_at_once_has_one_attempt(
    ann: Ann, monkeypatch: pytest.MonkeyPatch, failure: str | None
) -> None:
    """Each invocation has seen the row before the other one begins its attempt."""
    given = ann.send("a")
    if failure:
        ann.accept(given)
        ann.fail(failure)
        given = ann.retry(given)
    answers: list[dict[str, Any]] = []
    before(monkeypatch, AcceptRow, "_begun", lambda: answers.extend(ann.accept(given)))
    answers += ann.accept(given)
    assert answers[0] == answers[1]
    assert len([one for one in ann.doors.of("ann") if not one.status.ended]) == 1


def test_the_states_of_a_batch_and_its_functions_agree(ann: Ann) -> None:
    """The execution's input has all that the states read, and each answer all that they keep."""
    given = ann.send("a")
    definition = batch_definition()["States"]
    accept, rows = definition["RunRows"]["ItemProcessor"]["States"]["AcceptRow"], definition["RunRows"]
    read = [rows["MaxConcurrencyPath"], *rows["ItemReader"]["Parameters"].values()]
    read += [rows["ResultWriter"]["Parameters"]["Bucket.$"], rows["ResultWriter"]["Parameters"]["Prefix.$"]]
    read += [definition["HasRows?"]["Choices"][0]["Variable"], rows["ItemSelector"]["run.$"]]
    assert {path.removeprefix("$.") for path in read} <= given.keys()
    assert {name.removesuffix(".$") for name in rows["ItemSelector"]} == staged(given)[0].keys()
    for state, answer in (
        (accept, ann.accept(given)[0]),
        (definition["ReportBatch"], ann.cloud.invoke("report_batch", given)),
    ):
        kept = {path.removeprefix("$.Payload.") for path in state["ResultSelector"].values()}
        assert kept == answer.keys()


def test_a_batch_starts_a_rows_workflow_with_the_same_input_as_everyone_else() -> None:
    """Step Functions writes parameters without blanks. Other bytes would not be the same execution."""
    assert batch_states()["Generate"]["Parameters"]["Input"] == {"generation_id.$": "$.accepted.generation_id"}
    written = json.dumps({"generation_id": "g1"}, separators=(",", ":"))
    assert Run("g1", 2).input == Run("g1").input == written


def test_a_row_that_cannot_be_waited_for_is_polled_less_and_less_often(ann: Ann) -> None:
    wait = batch_states()["WaitForRow"]
    assert (wait["SecondsPath"], wait["Next"]) == ("$.accepted.pause", "AcceptRow")
    assert [answer["pause"] for answer in ann.accept(ann.send("a"))] == [10]
    made = generation("g1")
    age, polls = timedelta(0), 0
    while age < timedelta(days=30):
        age, polls = age + timedelta(seconds=pause_of(made, made.created_at + age)), polls + 1
    assert polls < 1000, "each takes about fourteen of the 25,000 events of an execution"
    assert pause_of(replace(made, reopened_at=made.created_at + age), made.created_at + age) == 10


def sent(ann: Ann, *prompts: str, choice: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """Send a file over HTTP. Return the batch, and the event of its arrival, which is still on its way."""
    status, batch = call(ann.cloud, "POST", PATH, query=f"name={NAME}{choice}", body=file(*prompts))
    assert status == 200, batch
    found = boto3.client("s3").get_object(Bucket="prompts", Key=KEY)
    arrived = event("object_created")
    arrived["detail"]["object"] |= {"key": KEY, "etag": found["ETag"].strip('"'), "version-id": found["VersionId"]}
    return {"batch_id": batch["id"]}, arrived


def started(ann: Ann) -> set[str]:
    """Accept the rows of all runs, and return the prompts of those that run."""
    return {
        row["row"]["request"]["prompt"]
        for given in ann.runs
        for row, answer in zip(staged(given), ann.accept(given), strict=True)
        if not answer["ended"]
    }


@pytest.mark.parametrize(("order", "runs"), [("wr", {"right"}), ("rw", {"right"}), ("w", set())])
def test_sending_the_right_file_does_not_bring_a_cancelled_one_back(ann: Ann, order: str, runs: set[str]) -> None:
    """The wrong file is cancelled before it is read, and read after the right one was sent."""
    batch, wrong = sent(ann, "wrong 1", "wrong 2")
    ann.post(batch, "cancel")
    _, right = sent(ann, "right", choice="&existing=replace")
    for one in order:
        assert ann.doors.take({"w": wrong, "r": right}[one]) == []
    assert started(ann) == runs


def test_a_second_cancel_cancels_the_file_that_was_sent_after_the_first(ann: Ann) -> None:
    given = ann.send("a")
    ann.post(given, "cancel")
    batch, arrived = sent(ann, "b", "c", choice="&existing=replace")
    assert ann.post(batch, "cancel")["cancelled_at"]
    assert ann.doors.take(arrived) == []
    assert started(ann) == set()


def test_a_cancel_that_meets_the_end_of_the_reading_is_not_lost(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    batch, arrived = sent(ann, "a", "b")
    before(monkeypatch, BatchRecords, "cancel", lambda: ann.doors.take(arrived))
    ann.post(batch, "cancel")
    assert started(ann) == set()


def test_a_row_that_is_rescued_while_it_is_replaced_has_one_attempt(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    class Workflow:
        def start(self, _: Run) -> None:
            """The execution is not needed."""

    workflow: Any = Workflow()
    given = ann.send("a")
    ann.accept(given)
    first, ledger = ann.found[1], ann.cloud.ledger
    claimed(ledger, first.run).submitted("p1")
    ledger.fail(first.run, Failure("GenerationFailed", "no"))
    ledger.announced(ledger.get(first.generation_id))
    ann.report(given)
    ann.post(given, "retry")
    before(monkeypatch, Ledger, "retried_as", lambda: rescue(first.generation_id, ledger, workflow))
    ann.accept(ann.runs[-1])
    assert [one.provider_id for one in ann.doors.of("ann")] == ["p1"]


def test_a_replacement_without_budget_starts_when_the_file_is_sent_again(ann: Ann) -> None:
    budgets = Budgets(boto3.client("dynamodb"), "money", Limits(), now)
    given = ann.send("a")
    ann.accept(given)
    ann.fail("GenerationFailed")
    ann.report(given)
    budgets.set("owner/ann", {"day": 0})
    ann.post(given, "retry")
    ann.accept(ann.runs[-1])
    assert [row["status"] for row in ann.report(ann.runs[-1])] == ["not started"]
    budgets.set("owner/ann", {"day": None})
    assert [one["ended"] for one in ann.accept(ann.send("a"))] == [False]
