"""Test rows of a file that use the videos of rows above them, reached in any order."""

import base64
import io
import json
import random
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

import accept_row
from core.batches.accept_row import AcceptedRow, AcceptRow
from core.batches.chains import MAX_LONG
from core.batches.prompt_file import FileRow, read
from core.batches.staged_row import StagedRow
from core.generation import Failure, Generation, Status
from core.models import offered
from tests.support.functions import Doors, call
from tests.support.inputs import EXTEND, MODEL, PNG, keys, upload
from tests.support.revisions import Week, complete, staged

FIRST = {"id": "boat", "model": "veo2", "prompt": "a boat"}
KEY = "owners/ann/story.jsonl"
INPAINT = "alibaba/wan2.2-vace-fun-a14b-inpainting"


def extending(source: str, prompt: str = "on it sails", **more: Any) -> dict[str, Any]:
    return {"model": EXTEND, "prompt": prompt, "video_url": source, **more}


def rows_of(*requests: dict[str, Any], name: str = "a.jsonl") -> list[FileRow]:
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    return list(read(name, io.BytesIO(lines.encode()), offered(), "veo2"))


class Story(Week):
    """A file of ann with rows that use each other's videos."""

    def tell(self, *requests: dict[str, Any]) -> dict[str, Any]:
        body = "".join(json.dumps(request) + "\n" for request in requests)
        assert self.doors.take(self.doors.drop(KEY, body)) == []
        given: dict[str, Any] = self.doors.executions("BATCH_STATE_MACHINE_ARN")[-1]["input"]
        return given

    def lines(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        body = boto3.client("s3").get_object(Bucket="videos", Key=given["rows_key"])["Body"].read()
        return [json.loads(line) for line in body.splitlines()]

    def reach(self, given: dict[str, Any], number: int) -> dict[str, Any]:
        """Pass one staged row to AcceptRow."""
        return self.cloud.invoke("accept_row", staged(given)[number - 1], warm=True)

    @property
    def found(self) -> dict[int, Generation]:
        return {one.row_number or 0: one for one in self.doors.of("ann")}


@pytest.fixture
def story(doors: Doors) -> Iterator[Story]:
    accept_row._wired.cache_clear()  # it stays warm during a test, and other tests have other models
    yield Story(doors)
    accept_row._wired.cache_clear()


@pytest.mark.parametrize("form", ["row:1", "row:boat", "row: 1 ", "row: boat"])
def test_a_row_names_a_row_above_it_by_number_or_id(form: str) -> None:
    first, second = rows_of(FIRST, extending(form))
    assert (first.problem, second.problem, second.rows) == (None, None, {form: 1})
    assert "id" not in (first.request or {}), "the provider does not see it"


@pytest.mark.parametrize(
    ("requests", "row", "problem"),
    [
        ([extending("row:1")], 1, "row:1 is not a row above this one"),
        ([extending("row:2"), extending("row:1")], 1, "row:2 is not a row above this one"),
        ([extending("row:b", id="a"), extending("row:a", id="b")], 1, "row:b is not a row above this one"),
        ([FIRST, extending("row:nobody")], 2, "row:nobody is not a row above this one"),
        ([FIRST, extending("row:0")], 2, "row:0 is not a row above this one"),
        ([FIRST, extending("row:")], 2, "row: is not a row above this one"),
        ([FIRST, extending("row:99999999999999")], 2, "is not a row above this one"),
        ([{**FIRST, "duration": 99}, extending("row:1")], 2, "row:1 is row 1, which is not valid itself"),
        ([FIRST, FIRST], 2, "`id` is already used by row 1"),
        ([{**FIRST, "id": "7"}], 1, "`id` must be a text"),
        ([{**FIRST, "id": " 7 "}], 1, "`id` must be a text"),
        ([{**FIRST, "id": 7}], 1, "`id` must be a text"),
        ([{**FIRST, "id": ["x"]}], 1, "`id` must be a text"),
        (
            [FIRST, {"model": MODEL, "prompt": "x", "image_url": "row:1"}],
            2,
            "row:1 is a video, but the field accepts only image",
        ),
        ([FIRST, {"model": "veo2", "prompt": "row:1"}], 2, None),
    ],
)
def test_an_invalid_reference_in_a_row_is_reported_with_its_name(
    requests: list[dict[str, Any]], row: int, problem: str | None
) -> None:
    said = rows_of(*requests)[row - 1].problem
    assert (said is None) if problem is None else (problem in str(said)), said


def test_a_file_of_one_request_has_no_rows_to_name() -> None:
    lines = json.dumps(extending("row:1"))
    (row,) = read("a.json", io.BytesIO(lines.encode()), offered(), "veo2")
    assert "must be a link (https://)" in str(row.problem)


def test_the_length_of_a_chain_is_limited() -> None:
    requests = [FIRST, *(extending(f"row:{number}") for number in range(1, MAX_LONG + 1))]
    found = rows_of(*requests)
    assert [row.problem for row in found[:-1]] == [None] * MAX_LONG
    assert f"ends a chain of {MAX_LONG} rows" in str(found[-1].problem)


def test_a_table_has_an_id_column() -> None:
    table = f"ID,prompt,model,video_url\nboat,a boat,veo2,\n,on it sails,{EXTEND},row:boat\n"
    first, second = read("a.csv", io.BytesIO(table.encode()), offered(), "veo2")
    assert (first.problem, second.problem, second.rows) == (None, None, {"row:boat": 1})


def test_rows_in_any_order_become_a_chain(story: Story) -> None:
    given = story.tell(FIRST, extending("row:boat", id="far"), extending("row:far", "home"), extending("row:1", "back"))
    order = [1, 2, 3, 4]
    random.Random(4).shuffle(order)
    for number in [*order, *order]:
        story.reach(given, number)
    found = story.found
    assert sorted(found) == [1, 2, 3, 4]
    ids = {number: one.generation_id for number, one in found.items()}
    sources = {number: one.request.get("video_url") for number, one in found.items()}
    assert sources == {
        1: None,
        2: f"generation:{ids[1]}",
        3: f"generation:{ids[2]}",
        4: f"generation:{ids[1]}",
    }


@pytest.fixture
def reached_rows(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the rows that AcceptRow reached, by their generations."""
    found: list[str] = []
    accept = AcceptRow._accept

    def note(self: AcceptRow, run_id: str, row: StagedRow, reached: set[str]) -> AcceptedRow:
        found.append(row.generation_id)
        return accept(self, run_id, row, reached)

    monkeypatch.setattr(AcceptRow, "_accept", note)
    return found


def between(number: int) -> dict[str, Any]:
    """Return a row that uses the videos of the two rows above it."""
    above = {"video_url": f"row:{number - 1}", "mask_video_url": f"row:{number - 2}"}
    return {"model": INPAINT, "prompt": "the sea rises", **above}


@pytest.mark.parametrize("is_allowed", [True, False])
def test_rows_that_use_two_rows_above_are_reached_once_each(
    story: Story, reached_rows: list[str], monkeypatch: pytest.MonkeyPatch, *, is_allowed: bool
) -> None:
    """Otherwise the number of paths up the file would double with every row, even if no row can be recorded."""
    given = story.tell(FIRST, extending("row:1"), *(between(number) for number in range(3, 15)))
    assert not any("problem" in line for line in story.lines(given))
    if not is_allowed:
        monkeypatch.setenv("ALLOWED_MODELS", "google/veo3")  # after the file was read
    story.cloud.invoke("accept_row", staged(given)[-1])
    assert len(reached_rows) == len(set(reached_rows)) == 14
    story.reach(given, 14)
    assert len(reached_rows) == 15, "neither recorded nor rejected rows are reached again"


@pytest.mark.exhaustive
def test_the_last_row_of_the_longest_chain_may_be_reached_first(story: Story, reached_rows: list[str]) -> None:
    given = story.tell(FIRST, *(extending(f"row:{number}") for number in range(1, MAX_LONG)))
    story.reach(given, MAX_LONG)
    assert len(reached_rows) == MAX_LONG
    assert {one.status for one in story.found.values()} == {Status.QUEUED}


def test_editing_a_row_also_changes_the_rows_that_use_its_video(story: Story) -> None:
    chain = [FIRST, extending("row:boat", id="far"), extending("row:far", "home")]
    others = [{"model": "veo2", "prompt": f"a kite {number}"} for number in range(3)]
    first = [line["generation_id"] for line in story.lines(story.tell(*chain, *others))]
    moved = [line["generation_id"] for line in story.lines(story.tell(*others, *chain))]
    assert moved == [*first[3:], *first[:3]], "by their content, not by their numbers"
    edited = [line["generation_id"] for line in story.lines(story.tell({**FIRST, "seed": 1}, *chain[1:], *others))]
    assert edited[3:] == first[3:]
    assert not set(edited[:3]) & set(first)


def test_a_row_that_uses_a_rejected_rows_video_is_rejected(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    given = story.tell(FIRST, extending("row:1"))
    monkeypatch.setenv("ALLOWED_MODELS", EXTEND)  # after the file was read
    story.cloud.invoke("accept_row", staged(given)[1])
    assert story.found == {}
    assert [row["error"].partition(":")[0] for row in story.report(given)] == ["InvalidRequest"] * 2


def test_a_retried_row_is_waited_for_by_the_rows_that_use_its_video(story: Story) -> None:
    given = story.tell(FIRST, extending("row:1"))
    for number in (1, 2):
        story.reach(given, number)
    source, second = story.found[1], story.found[2]
    ledger = story.cloud.ledger
    ledger.fail(source.run, Failure("GenerationFailed", "no luck"))
    ledger.fail(second.run, Failure("InputUnavailable", "failed"))
    given = story.retry(given)
    story.reach(given, 2)  # before the other one
    take = ledger.get(str(ledger.get(source.generation_id).retried_as))
    again = ledger.get(second.generation_id)
    assert (take.status, again.status, again.rescues) == (Status.QUEUED, Status.QUEUED, 1)
    story.cloud.run({"generation_id": again.generation_id}, "admit", execution=again.run.execution)
    assert story.cloud.holders == []
    complete(story.cloud, take.generation_id)
    story.cloud.run({"generation_id": take.generation_id}, "finalize")
    assert story.cloud.holders == [again.generation_id]


def test_uploads_are_kept_for_the_rows_of_a_batch(story: Story) -> None:
    reference = upload(story.cloud)
    picture = {"model": MODEL, "prompt": "it moves", "image_url": reference}
    missing = {**picture, "image_url": "upload:" + "0" * 32}
    given = story.tell(picture, {**picture, "prompt": "it rests"}, missing)
    boto3.client("s3").delete_object(Bucket="videos", Key=keys("uploads/")[0])  # a day later
    for number in (1, 2, 3):
        story.reach(given, number)
    found = story.found
    assert [one.status for one in found.values()] == [Status.QUEUED, Status.QUEUED]
    assert "Upload it again" in story.report(given)[2]["error"]
    own = found[1].generation_id
    story.cloud.run({"generation_id": own}, "admit")
    (copy,) = keys(f"videos/{own}/")
    assert boto3.client("s3").get_object(Bucket="videos", Key=copy)["Body"].read() == PNG


def test_a_file_within_a_row_still_exists_when_the_row_is_generated_again(story: Story) -> None:
    """Its upload expires after a day, but the batch may be retried for weeks."""
    uri = "data:image/png;base64," + base64.b64encode(PNG).decode()
    given = story.tell({"model": MODEL, "prompt": "it moves", "image_url": uri, "duration": "8"})
    story.reach(given, 1)
    failed = story.found[1]
    story.cloud.ledger.fail(failed.run, Failure("GenerationFailed", "no luck"))
    boto3.client("s3").delete_object(Bucket="videos", Key=keys("uploads/")[0])
    story.reach(story.retry(given), 1)
    take = story.cloud.ledger.get(str(story.cloud.ledger.get(failed.generation_id).retried_as))
    assert (take.status, take.request) == (Status.QUEUED, failed.request)
    own = take.generation_id
    story.cloud.run({"generation_id": own}, "admit")
    assert len(keys(f"videos/{own}/")) == 1


def test_a_row_that_uses_a_row_without_its_upload_is_rejected(story: Story) -> None:
    missing = {"model": MODEL, "prompt": "it moves", "image_url": "upload:" + "0" * 32}
    given = story.tell(missing, extending("row:1"), extending("row:2"))
    for number in (3, 2, 1):
        story.reach(given, number)
    assert story.found == {}
    first, *others = (row["error"] for row in story.report(given))
    assert "Upload it again" in first
    assert others == ["InvalidRequest: It uses the video of a row that was rejected."] * 2


def test_a_missing_upload_is_reported_when_sending_but_not_in_a_dry_run(doors: Doors) -> None:
    there, gone = upload(doors.cloud), "upload:" + "0" * 32
    rows = [{"model": MODEL, "prompt": "it moves", "image_url": one} for one in (there, gone, there)]
    body = "".join(json.dumps(one) + "\n" for one in [*rows, {"prompt": ""}, {**rows[1], "prompt": "it rests"}])
    query = "name=story.jsonl"
    status, answer = call(doors.cloud, "POST", "/v2/batches", body=body, query=f"{query}&dry_run=true")
    assert (status, answer["problem_rows"]) == (200, 1), "they are uploaded after a first check"
    status, answer = call(doors.cloud, "POST", "/v2/batches", body=body, query=query)
    assert (status, answer["message"].count("does not exist: upload the file again")) == (400, 2)
    assert answer["message"].startswith("3 of 5 rows have a problem, and nothing was sent. row 2 (line 2): ")
    status, answer = call(doors.cloud.caller("bob"), "POST", "/v2/batches", body=body, query=query)
    assert answer["message"].startswith("5 of 5 rows"), "another owner's uploads are not found"
    status, answer = call(doors.cloud, "POST", "/v2/batches", body=body, query=f"{query}&force=true")
    assert (status, [one["row"] for one in answer["check"]["problems"]]) == (200, [2, 4, 5])


def test_an_upload_kept_for_a_batch_still_exists_a_day_later(story: Story) -> None:
    picture = {"model": MODEL, "prompt": "it moves", "image_url": upload(story.cloud)}
    story.tell(picture)
    boto3.client("s3").delete_object(Bucket="videos", Key=keys("uploads/")[0])  # a day later
    body = json.dumps({**picture, "prompt": "it rests"})
    query = "name=story.jsonl&existing=replace"
    status, answer = call(story.cloud, "POST", "/v2/batches", body=body, query=query)
    assert (status, answer["check"]["problem_rows"]) == (200, 0)


def test_a_file_in_an_inputs_folder_is_not_ingested(doors: Doors) -> None:
    for key in ("owners/ann/inputs/cat.png", "inputs/cat.JPEG", "bob/inputs/2026/cat.mp4"):
        assert doors.take(doors.drop(key, "x")) == []
    assert [doors.of(owner) for owner in ("ann", "files", "bob")] == [[], [], []]
    doors.take(doors.drop("owners/ann/cat.png", "x"), doors.drop("owners/ann/inputs/a.txt", "a boat"))
    assert {one.status for one in doors.of("ann")} == {Status.ERROR, Status.QUEUED}


def test_a_chain_is_checked_over_http(doors: Doors) -> None:
    body = "".join(json.dumps(one) + "\n" for one in (FIRST, extending("row:boat"), extending("row:9")))
    query = "name=story.jsonl&dry_run=true"
    status, answer = call(doors.cloud, "POST", "/v2/batches", body=body, query=query)
    assert (status, answer["rows"], answer["problem_rows"]) == (200, 3, 1)
    assert answer["problems"][0]["message"].startswith("`video_url`: row:9 is not a row above this one")
