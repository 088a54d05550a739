"""Test files that drop or repeat most rows of a batch: nothing is replaced silently, and nothing is paid twice."""

import json
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest

from core.batches import record
from core.batches.api import BatchApi
from core.batches.identity import batch_id_for
from core.batches.start import BatchStart
from core.batches.table import BatchRecords
from core.generation import Failure, iso
from core.records.lists import Lists
from tests.support.events import event
from tests.support.functions import Doors, before, call
from tests.support.revisions import Week, change, complete, file, records, reported, staged
from wiring import now

PATH = "/v2/batches"
NAME = "week.jsonl"
OLD = [f"old {number}" for number in range(4)]
NEW = [f"new {number}" for number in range(3)]


def key(name: str) -> str:
    return f"owners/ann/{name}"


def id_of(name: str) -> str:
    return batch_id_for("prompts", key(name))


class Ann(Week):
    """Ann sends files over HTTP and drops them in S3."""

    def post(self, *prompts: str, name: str = NAME, **query: str) -> tuple[int, dict[str, Any]]:
        """Send a file. Return the status and the answer."""
        parts = "".join(f"&{one}={text}" for one, text in query.items())
        return call(self.cloud, "POST", PATH, query=f"name={name}{parts}", body=file(*prompts))

    def check(self, *prompts: str, name: str = NAME, **query: str) -> dict[str, Any]:
        status, answer = self.post(*prompts, name=name, dry_run="true", **query)
        assert status == 200, answer
        return answer

    def event(self, name: str) -> dict[str, Any]:
        """Return the event of the file that was sent last under a name."""
        found = boto3.client("s3").get_object(Bucket="prompts", Key=key(name))
        created = event("object_created")
        changed = {"key": key(name), "etag": found["ETag"].strip('"'), "version-id": found["VersionId"]}
        created["detail"]["object"] |= changed
        return created

    def sends(self, *prompts: str, name: str = NAME, **query: str) -> dict[str, Any]:
        """Send a file, read it and accept its rows. Return the batch."""
        status, answer = self.post(*prompts, name=name, **query)
        assert status == 200, answer
        assert self.doors.take(self.event(answer["name"])) == []
        self.run()
        return self.shown(answer["name"])

    def drops(self, *prompts: str, name: str = NAME, **metadata: str) -> dict[str, Any]:
        """Drop a file and read it. Return its event."""
        dropped = self.doors.drop(key(name), file(*prompts), **metadata)
        assert self.doors.take(dropped) == []
        return dropped

    def run(self) -> None:
        """Accept the rows of all runs."""
        for given in self.runs:
            self.accept(given)

    @property
    def runs(self) -> list[dict[str, Any]]:
        return [one["input"] for one in self.doors.executions("BATCH_STATE_MACHINE_ARN")]

    def shown(self, name: str) -> dict[str, Any]:
        status, answer = call(self.cloud, "GET", PATH, query=f"batch_id={name}")
        assert status == 200, answer
        return answer

    @property
    def batches(self) -> dict[str, int]:
        """Return the names of all batches, each with its number of rows."""
        return {one["name"]: one["rows"] for one in call(self.cloud, "GET", PATH)[1]["data"]}

    @property
    def prompts(self) -> list[str]:
        """Return the prompts of all generations that were not rejected."""
        self.run()
        return sorted(one.request["prompt"] for one in self.doors.of("ann") if one.request)


@pytest.fixture
def ann(doors: Doors) -> Ann:
    return Ann(doors)


# --- the rule


@pytest.mark.parametrize(
    ("prompts", "dropped", "new", "choices"),
    [
        ([*OLD, "x"], 0, 1, []),
        (OLD[:2], 2, 0, []),
        ([OLD[0], *NEW], 3, 3, ["again", "replace"]),
        (NEW, 4, 3, ["again", "replace"]),
        ([*OLD, OLD[0]], 0, 1, []),
    ],
    ids=["adds one", "drops half", "drops most", "drops all", "repeats a row"],
)
def test_a_check_counts_what_is_new_and_what_is_dropped(
    ann: Ann, prompts: list[str], dropped: int, new: int, choices: list[str]
) -> None:
    ann.sends(*OLD)
    found = ann.check(*prompts)
    assert (found["rows_before"], found["dropped"], found["new"]) == (4, dropped, new)
    assert found["choices"] == choices
    assert ann.post(*prompts)[0] == (409 if choices else 200)


def test_a_file_that_drops_most_rows_is_rejected_with_the_choices(ann: Ann) -> None:
    ann.sends(*OLD)
    status, answer = ann.post(*NEW)
    assert (status, answer["statusCode"]) == (409, 409)
    assert answer["message"] == (
        "The file drops 4 of the 4 rows of batch week.jsonl. Nothing was started. Send it again with `again` to "
        "generate every row in a batch with a new name, `replace` to make it the next revision of week.jsonl."
    )
    assert "`existing=`" in answer["remedy"]
    assert ann.prompts == OLD
    assert ann.shown(NAME)["rows"] == 4
    assert ann.post(*NEW, existing="ask")[0] == 400, "only for files in S3"


def test_rows_that_never_started_are_dropped_too(ann: Ann) -> None:
    """The batch is cancelled before its rows start, so the ledger has none of them."""
    assert ann.post(*OLD)[0] == 200
    assert ann.doors.take(ann.event(NAME)) == []
    call(ann.cloud, "POST", f"{PATH}/{NAME}/cancel")
    found = ann.check(*NEW)
    assert (found["dropped"], found["rows_before"], found["made_before"]) == (4, 4, 0)
    found = ann.check(*OLD, "x")
    assert (found["dropped"], found["new"]) == (0, 5)


def test_a_row_that_was_never_valid_is_not_dropped(ann: Ann) -> None:
    body = file("a") + file("b", duration=99) + file("c", duration=99) + file("d", duration=99)
    call(ann.cloud, "POST", PATH, query=f"name={NAME}&force=true", body=body)
    assert ann.doors.take(ann.event(NAME)) == []
    found = ann.check("a", "b", "c", "d")
    assert (found["rows_before"], found["dropped"], found["choices"]) == (1, 0, [])


def test_rows_of_a_file_that_an_earlier_release_has_read_are_compared_by_the_ledger(ann: Ann) -> None:
    ann.sends(*OLD)
    run = records().get(id_of(NAME)).run
    assert run
    boto3.client("s3").delete_object(Bucket="videos", Key=run.ids_key)
    assert ann.check(*NEW)["dropped"] == 4
    assert ann.check(*OLD, "x")["dropped"] == 0


def test_a_retried_row_is_not_dropped_by_the_same_file(ann: Ann) -> None:
    """Its latest attempt has another id than the row."""
    ann.sends(*OLD)
    for one in ann.doors.of("ann"):
        ann.cloud.ledger.fail(one.run, Failure("GenerationFailed", "no"))
    call(ann.cloud, "POST", f"{PATH}/{NAME}/retry")
    ann.run()
    assert ann.check(*OLD, "x")["dropped"] == 0


def test_retried_rows_of_a_file_that_an_earlier_release_has_read_are_not_dropped(ann: Ann) -> None:
    """Dropped in S3, the file would become another batch, where every row is paid for again."""
    ann.drops(*OLD)
    ann.run()
    for one in ann.doors.of("ann"):
        ann.cloud.ledger.fail(one.run, Failure("GenerationFailed", "no"))
    call(ann.cloud, "POST", f"{PATH}/{NAME}/retry")
    ann.run()
    run = records().get(id_of(NAME)).run
    assert run
    boto3.client("s3").delete_object(Bucket="videos", Key=run.ids_key)
    assert ann.check(*OLD, "x")["dropped"] == 0
    ann.drops(*OLD, "x")
    assert ann.batches == {NAME: 5}


# --- the choices


def test_replace_makes_the_next_revision(ann: Ann) -> None:
    ann.sends(*OLD)
    replaced = ann.sends(*NEW, existing="replace")
    assert (replaced["id"], replaced["revision"], replaced["rows"]) == (id_of(NAME), 2, 3)
    assert ann.prompts == sorted([*OLD, *NEW])


def test_again_runs_every_row_in_a_batch_with_a_new_name(ann: Ann) -> None:
    ann.sends(*OLD)
    assert ann.check(*OLD, existing="again")["name"] == "week-2.jsonl"
    again = ann.sends(*OLD, existing="again")
    assert (again["name"], again["id"], again["made_before"]) == ("week-2.jsonl", id_of("week-2.jsonl"), 0)
    assert ann.prompts == sorted([*OLD, *OLD])
    assert ann.shown(NAME)["revision"] == 1


def test_again_keeps_a_name_that_no_batch_has(ann: Ann) -> None:
    ann.sends(*OLD, name="other.jsonl")
    for _ in range(2):
        assert ann.sends(*OLD, existing="again")["name"] == NAME, "the second call repeats the first"
    assert ann.prompts == sorted([*OLD, *OLD])


@pytest.mark.parametrize("read", [True, False], ids=["read", "not read"])
def test_a_repeated_call_does_not_pay_again(ann: Ann, read: bool) -> None:
    """The answer to the first call was lost."""
    ann.sends(*OLD)
    assert ann.post(*OLD, existing="again")[0] == 200
    if read:
        assert ann.doors.take(ann.event("week-2.jsonl")) == []
        ann.run()
    assert ann.sends(*OLD, existing="again")["name"] == "week-2.jsonl"
    assert ann.prompts == sorted([*OLD, *OLD])
    assert ann.batches == {NAME: 4, "week-2.jsonl": 4}


def test_a_call_long_after_the_end_is_a_new_one(ann: Ann) -> None:
    ann.sends(*OLD)
    ann.sends(*OLD, existing="again")
    ended = {"is_complete": "true", "ended_at": iso(now() - timedelta(minutes=59))}
    change({"batch_id": f"{id_of('week-2.jsonl')}-1"}, **ended)
    assert ann.check(*OLD, existing="again")["name"] == "week-2.jsonl"
    change({"batch_id": f"{id_of('week-2.jsonl')}-1"}, ended_at=iso(now() - record.REPEATED_FOR))
    assert ann.check(*OLD, existing="again")["name"] == "week-3.jsonl"


def test_a_batch_that_was_sent_under_the_next_name_is_not_a_repeat(ann: Ann) -> None:
    ann.sends(*OLD)
    ann.sends(*OLD, name="week-2.jsonl", existing="replace")
    assert ann.check(*OLD, existing="again")["name"] == "week-3.jsonl"


def test_another_file_of_a_batch_that_ran_again_is_not_a_repeat(ann: Ann) -> None:
    ann.sends(*OLD)
    ann.sends(*OLD, existing="again")
    ann.sends(*NEW, name="week-2.jsonl", existing="replace")
    assert ann.check(*NEW, name="week-2.jsonl", existing="again")["name"] == "week-2-2.jsonl"


def test_two_files_at_once_never_get_the_same_new_name(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    ann.sends(*OLD)

    def other() -> None:
        assert ann.sends(*NEW, existing="again")["name"] == "week-2.jsonl"

    before(monkeypatch, BatchApi, "create", other)
    status, answer = ann.post("x", "y", existing="again")
    assert (status, "Send this one again" in answer["message"]) == (409, True)
    assert ann.sends("x", "y", existing="again")["name"] == "week-3.jsonl"
    assert ann.batches == {NAME: 4, "week-2.jsonl": 3, "week-3.jsonl": 2}


def test_reuse_adds_the_new_rows_to_the_batch_that_has_most(ann: Ann) -> None:
    ann.sends(*OLD)
    found = ann.check(*OLD, "x", name="copy.jsonl")
    assert found["made_elsewhere"] == {"id": id_of(NAME), "name": NAME, "rows": 4}
    assert (found["new"], found["choices"]) == (5, ["reuse", "again"])
    status, answer = ann.post(*OLD, "x", name="copy.jsonl")
    assert (status, "already has 4 of its 5 rows" in answer["message"]) == (409, True)
    found = ann.check(*OLD, "x", name="copy.jsonl", existing="reuse")
    assert (found["name"], found["new"], found["made_before"], found["choices"]) == (NAME, 1, 4, [])
    for _ in range(2):
        reused = ann.sends(*OLD, "x", name="copy.jsonl", existing="reuse")
        assert (reused["id"], reused["revision"], reused["made_before"]) == (id_of(NAME), 2, 4)
    assert ann.prompts == [*OLD, "x"]
    assert ann.batches == {NAME: 5}


@pytest.mark.parametrize("state", ["failed", "not started"])
def test_reuse_finds_the_batch_also_if_most_of_its_rows_were_not_made(ann: Ann, state: str) -> None:
    """It was cancelled, perhaps since the file was checked. The row that was made must not be paid for again."""
    assert ann.post(*OLD)[0] == 200
    assert ann.doors.take(ann.event(NAME)) == []
    ann.accept(ann.runs[0], rows=4 if state == "failed" else 1)
    first = next(one for one in ann.doors.of("ann") if one.request["prompt"] == OLD[0])
    complete(ann.cloud, first.generation_id)
    for one in ann.doors.of("ann"):
        if one.generation_id != first.generation_id:
            ann.cloud.ledger.fail(one.run, Failure("Cancelled", "no"))
    found = ann.check(*OLD, "x", name="copy.jsonl", existing="reuse")
    assert (found["id"], found["made_before"], found["dropped"]) == (id_of(NAME), 1, 0)
    assert ann.check("x", "y", OLD[0], name="copy.jsonl", existing="reuse")["name"] == "copy.jsonl"


def test_reuse_prefers_the_batch_that_has_made_most_rows(ann: Ann) -> None:
    """It is the one that a check without `reuse` names."""
    ann.sends(*OLD)
    ann.sends(*OLD, existing="again")
    for row in staged_rows(ann, "week-2.jsonl"):
        ann.cloud.ledger.fail(ann.cloud.ledger.get(row["generation_id"]).run, Failure("Cancelled", "no"))
    assert ann.check(*OLD, name="copy.jsonl")["made_elsewhere"]["name"] == NAME
    assert ann.check(*OLD, name="copy.jsonl", existing="reuse")["name"] == NAME


def test_reuse_does_not_drop_rows_of_the_other_batch(ann: Ann) -> None:
    ann.sends(*OLD, *NEW)
    status, answer = ann.post(*NEW, name="copy.jsonl", existing="reuse")
    assert (status, "drops 4 of the 7 rows of batch week.jsonl" in answer["message"]) == (409, True)
    assert ann.batches == {NAME: 7}


@pytest.mark.parametrize("name", ["copy.json", "elsewhere.jsonl"])
def test_reuse_is_rejected_if_the_file_cannot_be_sent_to_the_other_batch(ann: Ann, name: str) -> None:
    if name == "copy.json":
        ann.sends(*OLD)
    else:
        dropped = ann.doors.drop("owners/ann/sub/week.jsonl", file(*OLD))
        assert ann.doors.take(dropped) == []
        ann.run()
    body = json.dumps([{"prompt": prompt} for prompt in OLD]) if name == "copy.json" else file(*OLD)
    status, answer = call(ann.cloud, "POST", PATH, query=f"name={name}&existing=reuse", body=body)
    assert (status, "choose `again`" in answer["message"]) == (409, True)


def test_the_same_file_again_needs_no_choice_even_if_all_of_its_rows_failed(ann: Ann) -> None:
    ann.sends(*OLD)
    for one in ann.doors.of("ann"):
        ann.cloud.ledger.fail(one.run, Failure("RequestRefused", "no"))
    ann.sends(*OLD, name="copy.jsonl")
    complete(ann.cloud, *(row["generation_id"] for row in staged_rows(ann, "copy.jsonl")))
    assert ann.check(*OLD)["choices"] == []
    assert ann.sends(*OLD)["revision"] == 1


def staged_rows(ann: Ann, name: str) -> list[dict[str, Any]]:
    return [row["row"] for given in ann.runs if given["batch_id"] == id_of(name) for row in staged(given)]


# --- at the same time


def test_a_second_file_waits_until_the_first_is_read(ann: Ann) -> None:
    assert ann.post(*OLD)[0] == 200
    first = ann.event(NAME)
    status, answer = ann.post(*NEW)
    assert (status, "has just been sent" in answer["message"]) == (409, True)
    assert ann.post(*OLD)[0] == 200, "the same file"
    assert ann.doors.take(first) == []
    assert ann.post(*NEW)[0] == 409, "now it can be compared"
    assert ann.post(*OLD, "x")[0] == 200


def test_a_file_that_was_compared_too_early_replaces_nothing(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other file is sent and read after the check."""
    before(monkeypatch, BatchApi, "create", lambda: ann.sends(*OLD))
    status, _ = ann.post(*NEW)
    assert status == 200
    assert ann.doors.take(ann.event(NAME)) == []
    shown = ann.shown(NAME)
    assert (shown["rows"], shown["revision"], shown["error"]["name"]) == (4, 1, "ChoiceRequired")
    assert "drops 4 of the 4 rows" in shown["error"]["message"]
    assert ann.prompts == OLD
    assert [one.error.name for one in ann.doors.of("ann") if one.error] == ["ChoiceRequired"], "it is announced"


def test_a_large_file_is_compared_when_it_is_read(ann: Ann) -> None:
    ann.sends(*OLD)
    for name, choice, expected in (
        (NAME, {}, "ChoiceRequired"),
        ("copy.jsonl", {}, "ChoiceRequired"),
        (NAME, {"existing": "replace"}, None),
    ):
        query = "".join(f"&{one}={text}" for one, text in choice.items())
        status, form = call(ann.cloud, "POST", PATH, query=f"name={name}&upload=true{query}")
        assert status == 200
        fields = form["upload"]["fields"]
        told = {one.removeprefix("x-amz-meta-"): text for one, text in fields.items() if one.startswith("x-amz-meta-")}
        prompts = NEW if name == NAME else OLD
        boto3.client("s3").put_object(Bucket="prompts", Key=fields["key"], Body=file(*prompts).encode(), Metadata=told)
        assert ann.doors.take(ann.event(name)) == []
        error = ann.shown(name)["error"]
        assert (error and error["name"]) == expected
    assert ann.prompts == sorted([*OLD, *NEW])


def test_a_large_file_is_added_to_another_batch_under_its_name(ann: Ann) -> None:
    """Its rows are compared when it is read, so the server cannot choose its name."""
    ann.sends(*OLD)
    status, answer = call(ann.cloud, "POST", PATH, query="name=copy.jsonl&upload=true&existing=reuse")
    assert (status, "under the name of that batch" in answer["message"]) == (400, True)
    ann.drops(*OLD, name="copy.jsonl", existing="ask")
    message = ann.shown("copy.jsonl")["error"]["message"]
    assert "under the name of that batch" in message
    assert "`reuse`" not in message


def test_the_form_of_a_large_file_that_runs_again_has_the_new_name(ann: Ann) -> None:
    ann.sends(*OLD)
    _, form = call(ann.cloud, "POST", PATH, query=f"name={NAME}&upload=true&existing=again")
    assert (form["name"], form["upload"]["fields"]["key"]) == ("week-2.jsonl", key("week-2.jsonl"))
    assert form["upload"]["fields"]["x-amz-meta-existing"] == "again"


# --- files dropped in S3


def test_a_dropped_file_that_drops_most_rows_is_a_batch_of_its_own(ann: Ann) -> None:
    ann.drops(*OLD)
    ann.drops(*NEW)
    assert ann.batches == {NAME: 4, "week-2.jsonl": 3}
    ann.drops(*NEW, "x")
    ann.drops("y", "z")
    ann.drops(*OLD, "w")
    assert ann.batches == {NAME: 5, "week-2.jsonl": 4, "week-3.jsonl": 2}
    assert ann.prompts == sorted([*OLD, *NEW, "w", "x", "y", "z"])
    shown = ann.shown("week-2.jsonl")
    assert (shown["id"], shown["revision"], shown["error"]) == (id_of("week-2.jsonl"), 2, None)
    assert shown["source"]["ref"] == f"s3://prompts/{key(NAME)}"


def test_only_staging_reads_the_rows_of_a_dropped_file(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be 100,000 rows, and many batches to compare them with."""
    ann.drops(*OLD)
    ann.drops(*NEW)
    read: list[str] = []
    statuses = Lists.statuses

    def counted(self: Lists, ids: Iterable[str]) -> Iterator[tuple[str, str]]:
        read.extend(found := list(ids))
        return statuses(self, found)

    monkeypatch.setattr(Lists, "statuses", counted)
    ann.drops("x", "y")
    assert len(read) == 2


def test_the_metadata_of_a_dropped_file_can_say_otherwise(ann: Ann) -> None:
    ann.drops(*OLD)
    ann.drops(*NEW, existing="nonsense")
    assert ann.batches == {NAME: 4, "week-2.jsonl": 3}
    ann.drops("x", existing="replace")
    assert ann.batches == {NAME: 1, "week-2.jsonl": 3}
    ann.drops("y", "z", existing="ask")
    assert ann.batches == {NAME: 1, "week-2.jsonl": 3}


def test_an_event_that_arrives_again_after_the_batches_have_changed_pays_for_nothing(ann: Ann) -> None:
    ann.drops(*OLD)
    moved = ann.drops(*NEW)
    ann.drops(*OLD, "x")
    ann.drops(*NEW[:2], "y")
    for name in (NAME, "week-2.jsonl"):  # S3's times have seconds: these contents arrived well after the moved one
        later = iso((records().get(id_of(name)).record.content_at or now()) + timedelta(seconds=60))
        change({"batch_id": id_of(name)}, content_at=later)
    made = ann.prompts
    assert ann.doors.take(moved) == []
    assert ann.doors.take(moved) == []
    assert ann.prompts == made == sorted([*OLD, *NEW, "x", "y"])
    assert ann.batches == {NAME: 5, "week-2.jsonl": 3}


def test_a_rejected_file_starts_nothing_when_its_event_arrives_again(ann: Ann) -> None:
    """Its owner was told so, and has sent a corrected file since."""
    ann.drops(*OLD)
    rejected = ann.drops("mistake", *NEW, existing="ask")
    ann.drops(*NEW, existing="replace")
    later = iso((records().get(id_of(NAME)).record.content_at or now()) + timedelta(seconds=60))
    change({"batch_id": id_of(NAME)}, content_at=later)
    assert ann.doors.take(rejected) == []
    assert ann.prompts == sorted([*OLD, *NEW])
    assert ann.shown(NAME)["error"] is None


def test_going_back_to_an_earlier_file_pays_for_nothing(ann: Ann) -> None:
    ann.drops(*OLD)
    ann.drops(*NEW, existing="replace")
    made = ann.prompts
    ann.drops(*OLD)
    assert ann.batches == {NAME: 4}
    assert ann.prompts == made
    assert [one["rows"] for one in ann.shown(NAME)["revisions"]] == [4, 3, 4]


@pytest.mark.usefixtures("ann")
def test_a_batch_that_was_erased_meanwhile_does_not_come_back_in_part() -> None:
    assert records().expect("0" * 32, "content") is False
    assert records().find("0" * 32) is None


@pytest.mark.parametrize("same", [True, False], ids=["the same event", "another file"])
def test_concurrent_events_lose_and_repeat_nothing(ann: Ann, monkeypatch: pytest.MonkeyPatch, same: bool) -> None:
    ann.drops(*OLD)
    first, second = (ann.doors.drop(key(NAME), file(*prompts)) for prompts in (NEW, ["x", "y"]))
    before(monkeypatch, BatchRecords, "begin", lambda: ann.doors.take(first if same else second))
    assert ann.doors.take(first) == []
    names = {NAME: 4, "week-2.jsonl": 3} if same else {NAME: 4, "week-2.jsonl": 2, "week-3.jsonl": 3}
    assert ann.batches == names
    assert ann.prompts == sorted([*OLD, *NEW, *([] if same else ["x", "y"])])


def test_a_new_name_that_another_file_gets_first_is_not_replaced(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    ann.drops(*OLD)
    first, second = (ann.doors.drop(key(NAME), file(*prompts)) for prompts in (NEW, ["x", "y"]))
    before(monkeypatch, BatchRecords, "create", lambda: ann.doors.take(second))
    assert ann.doors.take(first) == []
    assert ann.batches == {NAME: 4, "week-2.jsonl": 2, "week-3.jsonl": 3}


def test_a_first_file_that_loses_a_race_becomes_a_batch_of_its_own(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (ann.doors.drop(key(NAME), file(*prompts)) for prompts in (OLD, NEW))
    before(monkeypatch, BatchStart, "start", lambda: ann.doors.take(first))
    assert ann.doors.take(second) == []
    assert ann.batches == {NAME: 4, "week-2.jsonl": 3}


def test_a_function_that_dies_between_two_effects_continues(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new batch is recorded, and the file is not read yet."""
    ann.drops(*OLD)

    def die() -> None:
        raise MemoryError

    dropped = ann.doors.drop(key(NAME), file(*NEW))
    before(monkeypatch, BatchStart, "start", die)
    with pytest.raises(Exception, match=r"^$"):
        ann.doors.take(dropped)
    assert ann.batches == {NAME: 4, "week-2.jsonl": None}
    assert ann.doors.take(dropped) == []
    assert ann.batches == {NAME: 4, "week-2.jsonl": 3}


def test_a_batch_that_expects_its_first_file_is_left_to_that_file(ann: Ann) -> None:
    ann.drops(*OLD)
    assert ann.post("x", name="week-2.jsonl")[0] == 200
    ann.drops(*NEW)
    assert ann.batches == {NAME: 4, "week-2.jsonl": None, "week-3.jsonl": 3}


def test_there_is_a_limit_of_batches_with_one_name(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.batches.numbered.MOST_OF_A_NAME", 2)
    ann.drops(*OLD)
    ann.drops(*NEW)
    ann.drops("x")
    assert ann.batches == {NAME: 4, "week-2.jsonl": 3}
    assert "choose another name" in ann.shown(NAME)["error"]["message"]
    status, answer = ann.post("x", existing="again")
    assert (status, "choose another name" in answer["message"]) == (400, True)


def test_another_owners_batches_are_not_compared(ann: Ann) -> None:
    ann.sends(*OLD)
    bob = ann.cloud.caller("bob")
    status, found = call(bob, "POST", PATH, query=f"name={NAME}&dry_run=true", body=file(*OLD))
    assert (status, found["rows_before"], found["made_elsewhere"], found["choices"]) == (200, 0, None, [])
    status, found = call(bob, "POST", PATH, query=f"name={NAME}&dry_run=true&existing=again", body=file(*OLD))
    assert (status, found["name"]) == (200, NAME)
    assert call(bob, "GET", f"{PATH}/{id_of(NAME)}/report", query="revision=1")[0] == 404


# --- revisions


def test_the_file_of_a_batch_of_its_own_is_the_one_that_was_sent_last(ann: Ann) -> None:
    ann.drops(*OLD)
    ann.drops(*NEW)
    _, found = call(ann.cloud, "GET", f"{PATH}/week-2.jsonl/file")
    assert f"/{key(NAME)}?" in found["url"]
    ann.sends(*NEW, "x", name="week-2.jsonl")
    _, found = call(ann.cloud, "GET", f"{PATH}/week-2.jsonl/file")
    assert f"/{key('week-2.jsonl')}?" in found["url"]


def test_every_revision_keeps_its_report(ann: Ann) -> None:
    ann.sends(*OLD)
    complete(ann.cloud, *(one.generation_id for one in ann.doors.of("ann")))
    old, *_ = ann.runs
    ann.cloud.invoke("report_batch", old)
    ann.sends(OLD[0], *NEW, existing="replace")
    new = ann.runs[-1]
    ann.cloud.invoke("report_batch", new)
    assert [row["prompt"] for row in reported(old, apart="/revision-1")] == OLD
    assert [row["prompt"] for row in reported(new, apart="/revision-2")] == [OLD[0], *NEW]
    assert [row["prompt"] for row in reported(new)] == [OLD[0], *NEW], "the latest one"
    announced = [json.loads(one["Message"]) for one in ann.cloud.messages() if "batch_id" in one["Message"]]
    uris = [one["report"]["csv"] for one in announced if "totals" in one]
    assert uris == [f"s3://videos/results/{id_of(NAME)}/revision-{number}/report.csv" for number in (1, 2)]
    path = f"{PATH}/{NAME}/report"
    _, page = call(ann.cloud, "GET", path, query="revision=1")
    assert [(row["prompt"], row["status"]) for row in page["data"]] == [(prompt, "completed") for prompt in OLD]
    _, page = call(ann.cloud, "GET", path, query="revision=1&limit=2&cursor=1")
    assert ([row["row"] for row in page["data"]], page["next_cursor"]) == ([2, 3], "3")
    assert call(ann.cloud, "GET", path)[1] == call(ann.cloud, "GET", path, query="revision=2")[1]
    status, answer = call(ann.cloud, "GET", path, query="revision=3")
    assert (status, answer["message"]) == (404, "Batch week.jsonl has no revision 3.")
    assert call(ann.cloud, "GET", path, query="revision=0")[0] == 400


def test_a_late_retry_of_an_earlier_revision_keeps_to_its_folder(ann: Ann) -> None:
    """Both runs of revision 1 end after revision 2 has begun, the first one last."""
    ann.sends(*OLD)
    for one in ann.doors.of("ann"):
        ann.cloud.ledger.fail(one.run, Failure("GenerationFailed", "no"))
    call(ann.cloud, "POST", f"{PATH}/{NAME}/retry")
    ann.sends(*NEW, existing="replace")
    first, second, third = ann.runs
    for given in (third, second, first):
        ann.cloud.invoke("report_batch", given)
    assert [row["prompt"] for row in reported(third)] == NEW
    assert [row["status"] for row in reported(second, apart="/revision-1")] == ["queued"] * 4
    assert len(reported(first, apart="/1")) == 4


def test_a_batch_lists_its_revisions(ann: Ann) -> None:
    ann.sends(*OLD)
    ann.sends(*OLD, "x")
    for one in ann.doors.of("ann"):
        ann.cloud.ledger.fail(one.run, Failure("GenerationFailed", "no"))
    call(ann.cloud, "POST", f"{PATH}/{NAME}/retry")
    (listed,) = call(ann.cloud, "GET", PATH)[1]["data"]
    assert [(one["revision"], one["rows"]) for one in listed["revisions"]] == [(2, 5), (1, 4)]
    assert listed["revisions"] == ann.shown(NAME)["revisions"]
    latest = listed["revisions"][0]
    assert latest["started_at"] < listed["retried_at"], "a retry does not begin a revision"


def test_the_revisions_of_a_batch_with_one_run_are_known_without_another_read(
    ann: Ann, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann.sends(*OLD)
    (listed,) = call(ann.cloud, "GET", PATH)[1]["data"]
    monkeypatch.setattr(BatchRecords, "runs", lambda _, records, __: {one.batch_id: [] for one in records})
    assert call(ann.cloud, "GET", PATH)[1]["data"] == [listed]
    assert ann.shown(NAME)["revisions"] == listed["revisions"] != []


def test_the_report_of_a_revision_that_an_earlier_release_has_read_is_not_known(ann: Ann) -> None:
    ann.sends(*OLD)
    run = records().get(id_of(NAME)).run
    assert run
    ann.sends(*OLD, "x")
    boto3.client("s3").delete_object(Bucket="videos", Key=run.ids_key)
    status, answer = call(ann.cloud, "GET", f"{PATH}/{NAME}/report", query="revision=1")
    assert (status, "an earlier release" in answer["message"]) == (404, True)
