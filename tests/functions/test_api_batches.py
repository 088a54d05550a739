"""Test batches over HTTP: owners, and nobody else, send, check, read, cancel and retry them."""

import base64
import csv
import hashlib
import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import boto3
import pytest

from core.batches import api
from core.batches.record import BatchRecord
from core.errors import names
from core.generation import Failure
from core.money.budgets import Budgets, Limits, scope_of
from core.records.lists import Lists
from core.workflow import Run
from promptreel import _rows
from tests.support.events import event
from tests.support.functions import Doors, call
from tests.support.generations import archived, claimed
from tests.support.revisions import records, staged
from wiring import now

PATH = "/v2/batches"
TWO = "prompt,seed\na boat,1\na boat,2\n"


class House:
    """The API and the functions that its queue and state machine invoke."""

    def __init__(self, doors: Doors) -> None:
        self.doors, self.cloud = doors, doors.cloud

    def call(
        self, method: str, path: str = PATH, query: str = "", body: object = None, **caller: Any
    ) -> tuple[int, dict[str, Any]]:
        return call(self.cloud.caller(**caller), method, path, body=body, query=query)

    def send(self, body: str = TWO, name: str = "week.csv", query: str = "", owner: str = "ann") -> dict[str, Any]:
        status, answer = self.call("POST", query=f"name={quote(name)}{query}", body=body, owner=owner)
        assert status == 200, answer
        return answer

    def take(self, name: str = "week.csv", owner: str = "ann") -> None:
        """Process the event of the file: ingest, and AcceptRow for each row."""
        self.read(name, owner)
        self.run()

    def read(self, name: str = "week.csv", owner: str = "ann") -> None:
        key = f"owners/{owner}/{name}"
        found = boto3.client("s3").get_object(Bucket="prompts", Key=key)
        created = self.doors.drop("x/", "")
        created["detail"]["object"] |= {"key": key, "etag": found["ETag"].strip('"'), "version-id": found["VersionId"]}
        assert self.doors.take(created) == []

    def run(self) -> dict[str, Any]:
        """Return the input of the latest execution."""
        given: dict[str, Any] = self.doors.executions("BATCH_STATE_MACHINE_ARN")[-1]["input"]
        self.accept(given)
        return given

    def accept(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        """Accept the rows of an execution."""
        return [self.cloud.invoke("accept_row", row, warm=True) for row in staged(given)]

    def get(self, batch_id: str, owner: str = "ann") -> dict[str, Any]:
        status, answer = self.call("GET", query=f"batch_id={batch_id}", owner=owner)
        assert status == 200, answer
        return answer

    def rows(self, batch_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", f"{PATH}/{batch_id}/report")[1]["data"]
        return found

    @property
    def budgets(self) -> Budgets:
        return Budgets(boto3.client("dynamodb"), "money", Limits(), now)

    def jobs(self, scope: str) -> int:
        return next((one.used.hour_jobs for one in self.budgets.every() if one.scope == scope), 0)

    def complete(self, generation_id: str) -> None:
        ledger = self.cloud.ledger
        claimed(ledger, Run(generation_id)).submitted("p1")
        ledger.provider_finished(Run(generation_id), {"url": "http://x"}, 7)
        ledger.complete(Run(generation_id), archived(generation_id), now())


@pytest.fixture
def house(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(api, "LAG_SECONDS", 0)
    return House(doors)


def test_a_file_is_sent_processed_and_reported(house: House) -> None:
    sent = house.send()
    assert (sent["status"], sent["name"], sent["check"]["rows"], sent["check"]["made_before"]) == (
        "reading",
        "week.csv",
        2,
        0,
    )
    assert house.get(sent["id"])["status"] == "reading"
    house.take()
    running = house.get(sent["id"])
    assert (running["status"], running["rows"], running["revision"]) == ("running", 2, 1)
    assert running["counts"] == {"not_started": 0, "queued": 2, "generating": 0, "completed": 0, "error": 0}
    first, second = house.rows(sent["id"])
    house.complete(first["generation_id"])
    house.cloud.ledger.fail(Run(second["generation_id"]), Failure("RequestRefused", "no"))
    assert [row["status"] for row in house.rows(sent["id"])] == ["completed", "error"], "as it is now"
    ended = house.get(sent["id"])
    assert (ended["status"], ended["counts"]["completed"], ended["counts"]["error"]) == ("completed", 1, 1)
    status, listed = house.call("GET")
    assert (status, [one["id"] for one in listed["data"]], listed["next_cursor"]) == (200, [sent["id"]], None)
    meta = call(house.cloud, "GET", "/v2/video/generations", query=f"generation_id={first['generation_id']}")[1]["meta"]
    assert meta["batch"] == {"id": sent["id"], "row": 1}


def test_an_edited_file_reports_how_many_rows_exist_already(house: House) -> None:
    house.send()
    house.take()
    sent = house.send(TWO + "a kite,\n")
    assert (sent["check"]["made_before"], sent["check"]["rows"]) == (2, 3)
    house.take()
    assert (house.get(sent["id"])["made_before"], house.get(sent["id"])["revision"]) == (2, 2)


def test_the_file_dropped_in_the_owners_folder_is_the_same_batch(house: House) -> None:
    sent = house.send()
    house.take()
    assert house.doors.take(house.doors.drop("owners/ann/week.csv", TWO + "a kite,\n")) == []
    assert house.get(sent["id"])["revision"] == 2


def test_a_file_of_bytes_is_accepted_unchanged(house: House) -> None:
    sent = "prompt\tseed\nein Schiffchen aus Papier, grün\t1\n".encode("utf-16")
    status, answer = house.call("POST", query="name=a.csv", body=sent)
    assert status == 200
    house.take("a.csv")
    assert [row["prompt"] for row in house.rows(answer["id"])] == ["ein Schiffchen aus Papier, grün"]


def test_a_file_in_another_encoding_is_read_if_its_sender_names_it(house: House) -> None:
    sent = "prompt;seed\nein Café für Ägypten … 5 €;1\n"
    query = "name=a.csv&encoding=cp1252"
    status, answer = house.call("POST", query=query, body=sent.encode("cp1252"))
    assert status == 200
    house.take("a.csv")
    assert [row["prompt"] for row in house.rows(answer["id"])] == ["ein Café für Ägypten … 5 €"]
    for wrong, body, said in (
        ("", sent.encode("cp1252"), "choose CSV UTF-8"),
        ("&encoding=cp1252", sent, "application/octet-stream"),
        ("&encoding=rot13", sent.encode("cp1252"), "must be one of cp1252"),
        ("&encoding=cp932", b"prompt\n\x81\n", "not text in the encoding cp932"),
    ):
        status, error = house.call("POST", query=f"name=b.csv{wrong}", body=body)
        assert (status, said in error["message"]) == (400, True), error


def test_a_workbook_is_answered_with_how_to_save_it(house: House) -> None:
    status, error = house.call("POST", query="name=week.xlsx", body=b"PK\x03\x04")
    assert (status, "Save its sheet as CSV UTF-8" in error["message"]) == (400, True)


def test_the_form_of_a_larger_file_carries_its_encoding(house: House) -> None:
    fields = house.send("", query="&upload=true&encoding=cp1252")["upload"]["fields"]
    assert fields["x-amz-meta-encoding"] == "cp1252"


@pytest.mark.parametrize(("encoding", "prompt"), [("cp1252", "grün … 5 €"), ("cp932", "雪の船")])
def test_a_dropped_file_is_read_in_the_encoding_of_its_metadata(doors: Doors, encoding: str, prompt: str) -> None:
    request = json.dumps({"prompt": prompt}, ensure_ascii=False).encode(encoding)
    assert doors.take(doors.drop("a.json", request, encoding=encoding)) == []
    assert [one.request["prompt"] for one in doors.of("files")] == [prompt]


def test_a_dropped_file_in_an_unknown_encoding_is_a_failed_generation(doors: Doors) -> None:
    assert doors.take(doors.drop("a.json", b"{}", encoding="zip")) == []
    (rejected,) = doors.of("files")
    assert rejected.error
    assert "The encoding must be one of cp1252" in rejected.error.message


def test_a_dry_run_keeps_nothing_and_names_every_problem(house: House) -> None:
    body = "prompt,duration\na,5\nb,99\n,5\n"
    status, answer = house.call("POST", query="name=a.csv&dry_run=true", body=body)
    assert (status, answer["rows"], answer["problem_rows"]) == (200, 3, 2)
    named = [(one["row"], one["line"], one["fields"]) for one in answer["problems"]]
    assert named == [(2, 3, ["duration"]), (3, 4, ["prompt"])]
    assert house.call("GET")[1]["data"] == []
    assert boto3.client("s3").list_objects_v2(Bucket="prompts")["KeyCount"] == 0


def test_a_file_with_a_bad_row_is_rejected_unless_forced(house: House) -> None:
    body = "prompt,duration\na,5\nb,99\n"
    status, answer = house.call("POST", query="name=a.csv", body=body)
    assert status == 400
    assert "1 of 2 rows" in answer["message"]
    assert "row 2 (line 3): `duration` must be one of" in answer["message"]
    assert boto3.client("s3").list_objects_v2(Bucket="prompts")["KeyCount"] == 0
    sent = house.send(body, "a.csv", "&force=true")
    house.take("a.csv")
    assert [row["status"] for row in house.rows(sent["id"])] == ["queued", "error"]


@pytest.mark.parametrize(
    ("query", "body", "said"),
    [
        ("", TWO, "`name` must be"),
        ("name=", TWO, "`name` must be"),
        ("name=../a.csv", TWO, "without slashes"),
        ("name=..", TWO, "without slashes"),
        ("name=a%00.csv", TWO, "printable"),
        ("name=" + "a" * 201, TWO, "1 to 200"),
        ("name=a.png", TWO, "must end in"),
        ("name=a.txt", "a boat", "is one prompt"),
        ("name=a.json", '{"prompt": "a boat"}', "one request"),
        ("name=a.csv", "", "first line"),
        ("name=a.csv", "prompt,druation\na,5\n", "`druation` (did you mean `duration`?)"),
        ("name=a.csv&force=maybe", TWO, "true or false"),
        ("name=a.csv&max_concurrency=0", TWO, "1 to 10000"),
        ("name=a.csv", "prompt\n" + "a\n" * 5001, "upload=true"),
        ("name=a.csv", "prompt\n" + "a" * (4 << 20), "upload=true"),
    ],
    ids=range(15),
)
def test_an_invalid_batch_is_rejected_with_a_reason(house: House, query: str, body: str, said: str) -> None:
    status, answer = house.call("POST", query=query, body=body)
    assert (status, said in answer["message"]) == (413 if said == "upload=true" else 400, True), answer
    assert boto3.client("s3").list_objects_v2(Bucket="prompts")["KeyCount"] == 0


def test_a_file_without_a_suffix_needs_a_type(house: House) -> None:
    query, body = "name=week&dry_run=true", '[{"prompt": "a"}]'
    status, answer = call(house.cloud, "POST", PATH, query=query, body=body, content_type="application/json")
    assert (status, answer.get("name"), answer.get("rows")) == (200, "week.json", 1)


def test_another_owners_batch_is_404(house: House) -> None:
    sent = house.send()
    house.take()
    for method, path, query in (
        ("GET", PATH, f"batch_id={sent['id']}"),
        ("GET", f"{PATH}/{sent['id']}/report", ""),
        ("POST", f"{PATH}/{sent['id']}/cancel", ""),
        ("POST", f"{PATH}/{sent['id']}/retry", ""),
    ):
        status, answer = house.call(method, path, query, owner="bob")
        assert (status, answer["message"]) == (404, f"There is no batch {sent['id']}.")
    assert house.call("GET", owner="bob")[1]["data"] == []
    other = house.send(owner="bob")
    assert other["id"] != sent["id"]
    assert (other["check"]["made_before"], other["check"]["made_elsewhere"]) == (0, None)


def test_a_list_comes_in_pages_and_no_cursor_breaks_it(house: House) -> None:
    sent = [house.send(name=f"{number}.csv")["id"] for number in range(3)]
    _, first = house.call("GET", query="limit=2")
    _, second = house.call("GET", query=f"limit=2&cursor={first['next_cursor']}")
    assert {one["id"] for one in first["data"] + second["data"]} == set(sent)
    assert (len(first["data"]), second["next_cursor"]) == (2, None)
    assert {one["counts"] for one in first["data"]} == {None}
    for time in ("0000-00-00T00:00:00.000Z", "9999-99-99T99:99:99.999Z"):
        assert house.call("GET", query=f"cursor={time}_{'0' * 32}")[1]["data"] == []


@pytest.mark.parametrize("batch_id", ["", pytest.param("x" * 3000, id="3000 characters"), "../x", "g" * 32])
def test_an_invalid_id_is_404(house: House, batch_id: str) -> None:
    assert house.call("GET", PATH, f"batch_id={batch_id}")[0] == 404


def test_a_renamed_file_names_the_batch_that_generated_its_rows(house: House) -> None:
    body = "prompt\n" + "".join(f"boat {number}\n" for number in range(60))
    sent = house.send(body)
    house.take()
    status, check = house.call("POST", query="name=copy.csv&dry_run=true", body=body + "a kite\n")
    assert status == 200
    assert check["made_elsewhere"] == {"id": sent["id"], "name": "week.csv", "rows": 60}
    few = "prompt\nboat 1\n" + "".join(f"kite {number}\n" for number in range(60))
    assert house.call("POST", query="name=copy.csv&dry_run=true", body=few)[1]["made_elsewhere"] is None


def test_a_larger_file_can_only_be_uploaded_to_the_owners_folder(house: House) -> None:
    assert house.call("POST", query="name=big.csv&upload=true", body=TWO)[0] == 400
    status, answer = house.call("POST", query="name=big.csv&upload=true&max_concurrency=2")
    assert status == 200
    upload = answer["upload"]
    assert upload["fields"]["key"] == "owners/ann/big.csv"
    policy = json.loads(base64.b64decode(upload["fields"]["policy"]))
    assert ["content-length-range", 1, 1 << 30] in policy["conditions"]
    assert {"key": "owners/ann/big.csv"} in policy["conditions"]
    assert {"x-amz-meta-max_concurrency": "2"} in policy["conditions"]


def test_cancelling_stops_what_runs_and_starts_no_more(house: House) -> None:
    sent = house.send()
    house.take()
    status, cancelled = house.call("POST", f"{PATH}/{sent['id']}/cancel")
    assert (status, cancelled["status"], cancelled["counts"]["error"]) == (200, "cancelled", 2)
    assert {row["error"].partition(":")[0] for row in house.rows(sent["id"])} == {"Cancelled"}
    assert house.call("POST", f"{PATH}/{sent['id']}/cancel")[0] == 200
    house.send(TWO + "a kite,3\n")
    house.take()
    assert house.get(sent["id"])["counts"]["queued"] == 1, "the content sent later runs, the cancelled one does not"


def test_a_fixed_file_does_not_start_cancelled_rows(house: House) -> None:
    """The cancelled execution is still iterating its rows when the fixed file arrives."""
    sent = house.send("prompt\nbad 1\nbad 2\n")
    house.read()
    old = house.doors.executions("BATCH_STATE_MACHINE_ARN")[-1]["input"]
    house.call("POST", f"{PATH}/{sent['id']}/cancel")
    house.send("prompt\ngood\n", query="&existing=replace")
    house.take()
    assert [answer["ended"] for answer in house.accept(old)] == [True, True]
    assert [one.request["prompt"] for one in house.doors.of("ann")] == ["good"]
    assert house.cloud.invoke("report_batch", old)["is_complete"]
    assert house.get(sent["id"])["counts"]["queued"] == 1


@pytest.mark.parametrize("reported", [True, False])
def test_cancelled_rows_start_when_retried(house: House, reported: bool) -> None:
    """This holds whether or not the cancelled execution has ended."""
    sent = house.send("prompt\nbad 1\nbad 2\n")
    house.read()
    house.call("POST", f"{PATH}/{sent['id']}/cancel")
    given = house.run()
    if reported:
        house.cloud.invoke("report_batch", given)
    assert house.call("POST", f"{PATH}/{sent['id']}/retry")[0] == 200
    house.run()
    assert house.get(sent["id"])["counts"]["queued"] == 2


def test_cancelling_finds_rows_that_the_index_does_not_have_yet(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = house.send()
    house.take()
    running, looks = Lists.running_in_batch, []

    def lagging(self: Lists, batch_id: str) -> Iterator[str]:
        looks.append(batch_id)
        return iter(()) if len(looks) == 1 else running(self, batch_id)

    monkeypatch.setattr(Lists, "running_in_batch", lagging)
    cancelled = house.call("POST", f"{PATH}/{sent['id']}/cancel")[1]
    assert (cancelled["status"], cancelled["counts"]["error"]) == ("cancelled", 2)


def test_cancelling_before_it_is_read_runs_nothing(house: House) -> None:
    sent = house.send()
    assert house.call("POST", f"{PATH}/{sent['id']}/cancel")[1]["cancelled_at"]
    house.take()
    found = house.get(sent["id"])
    assert found["counts"]["not_started"] == 2
    house.cloud.invoke("report_batch", house.run())
    assert house.get(sent["id"])["status"] == "cancelled"
    assert [row["status"] for row in house.rows(sent["id"])] == ["not started"] * 2


def test_the_same_file_after_it_was_cancelled_runs_again(house: House) -> None:
    sent = house.send()
    house.call("POST", f"{PATH}/{sent['id']}/cancel")
    house.take()
    house.send()
    house.take()
    assert house.get(sent["id"])["counts"]["queued"] == 2


def test_an_ended_batch_cannot_be_cancelled(house: House) -> None:
    sent = house.send()
    house.take()
    for row in house.rows(sent["id"]):
        house.complete(row["generation_id"])
    status, answer = house.call("POST", f"{PATH}/{sent['id']}/cancel")
    assert (status, "nothing is left to cancel" in answer["message"]) == (409, True)
    status, answer = house.call("POST", f"{PATH}/{sent['id']}/retry")
    assert (status, "no failed rows" in answer["message"]) == (409, True)


def test_a_retry_runs_and_pays_for_failed_rows_only(house: House) -> None:
    sent = house.send()
    house.take()
    done, failed = (row["generation_id"] for row in house.rows(sent["id"]))
    house.complete(done)
    house.cloud.ledger.fail(Run(failed), Failure("GenerationFailed", "no"))
    house.cloud.invoke("report_batch", house.run())
    status, retried = house.call("POST", f"{PATH}/{sent['id']}/retry")
    assert status == 200
    assert retried["status"] == "running", "although all rows have ended, for the moment"
    assert house.run()["run"] == f"{sent['id']}-2"
    found = {row["generation_id"]: row["status"] for row in house.rows(sent["id"])}
    assert found.pop(done) == "completed"
    (again,) = found
    assert (again != failed, found[again]) == (True, "queued")
    for _ in range(2):
        assert house.call("POST", f"{PATH}/{sent['id']}/retry")[0] == 200, "it runs"
    assert len(house.doors.executions("BATCH_STATE_MACHINE_ARN")) == 2


def test_expired_rows_cannot_be_retried_until_the_file_is_sent_again(house: House) -> None:
    sent = house.send()
    house.take()
    for row in house.rows(sent["id"]):
        house.cloud.ledger.fail(Run(row["generation_id"]), Failure("RequestRefused", "no"))
    boto3.client("s3").delete_object(Bucket="videos", Key=house.run()["rows_key"])
    status, answer = house.call("POST", f"{PATH}/{sent['id']}/retry")
    assert (status, "Send its file again" in answer["message"]) == (409, True)


def test_a_report_comes_in_pages_as_json_and_as_csv(house: House) -> None:
    body = "prompt,name,tags\n" + "".join(f"=boat {number},n{number},x;y\n" for number in range(1, 8))
    sent = house.send(body)
    house.take()
    path = f"{PATH}/{sent['id']}/report"
    pages, cursor = [], "0"
    while cursor:
        _, page = house.call("GET", path, f"limit=3&cursor={cursor}")
        pages.append([row["row"] for row in page["data"]])
        cursor = page["next_cursor"]
    assert pages == [[1, 2, 3], [4, 5, 6], [7]]
    answer = house.cloud.invoke("api", {**_event(path, "format=csv&limit=3")})
    assert answer["headers"]["Link"] == '<?format=csv&limit=3&cursor=3>; rel="next"'
    assert answer["body"].startswith("\ufeff"), "for Excel"
    rows = list(csv.DictReader(io.StringIO(answer["body"].removeprefix("\ufeff"))))
    first = rows[0]
    assert (first["row"], first["prompt"], first["name"], first["tags"]) == ("1", "'=boat 1", "n1", "x, y")
    rest = house.cloud.invoke("api", {**_event(path, "format=csv&limit=500&cursor=3")})
    assert "Link" not in rest["headers"]
    assert rest["body"].splitlines()[0].startswith("4,")


def test_a_report_lists_missing_rows(house: House) -> None:
    sent = house.send("prompt\na\nb\nc\nd\n")
    house.take()
    rows = house.rows(sent["id"])
    for row in (rows[1], rows[3]):
        house.cloud.delete(row["generation_id"])
    assert [row["status"] for row in house.rows(sent["id"])] == ["queued", "not started", "queued", "not started"]
    for row in (rows[0], rows[2]):
        house.cloud.ledger.fail(Run(row["generation_id"]), Failure("RequestRefused", "no"))
    house.cloud.invoke("report_batch", house.run())
    assert house.rows(sent["id"])[1]["error"] == "Its owner deleted it."
    assert house.get(sent["id"])["status"] == "completed"


def test_an_incomplete_batch_has_status_stopped(house: House) -> None:
    sent = house.send()
    house.read()
    given = house.doors.executions("BATCH_STATE_MACHINE_ARN")[-1]["input"]
    assert house.cloud.invoke("report_batch", given) == {"is_complete": False, "has_stopped": False}
    assert house.get(sent["id"])["status"] == "stopped"
    assert house.call("POST", f"{PATH}/{sent['id']}/retry")[1]["status"] == "running"


def test_a_batch_whose_execution_was_aborted_is_stopped_and_can_be_retried(house: House) -> None:
    """The status is read from the execution because no report exists."""
    sent = house.send()
    house.read()
    assert house.get(sent["id"])["status"] == "running"
    stepfunctions = boto3.client("stepfunctions")
    (running,) = stepfunctions.list_executions(stateMachineArn=house.cloud.environment["BATCH_STATE_MACHINE_ARN"])[
        "executions"
    ]
    stepfunctions.stop_execution(executionArn=running["executionArn"])
    assert house.get(sent["id"])["status"] == "stopped"
    assert house.call("POST", f"{PATH}/{sent['id']}/retry")[1]["status"] == "running"


def test_a_batch_id_prefix_can_read_but_not_change(house: House) -> None:
    sent = house.send()
    house.take()
    short = sent["id"][:6]
    assert house.get(short)["id"] == sent["id"]
    assert house.call("GET", f"{PATH}/{short}/report")[1]["data"] == house.rows(sent["id"])
    assert house.call("GET", query=f"batch_id={short}", owner="bob")[0] == 404
    for action in ("cancel", "retry"):
        status, error = house.call("POST", f"{PATH}/{short}/{action}")
        assert (status, "give the whole id" in error["message"]) == (400, True)


def test_a_name_is_as_good_as_an_id_and_comes_before_the_beginning_of_one(house: House) -> None:
    sent = house.send()
    house.take()
    assert house.get("week.csv")["id"] == sent["id"]
    assert house.get(sent["id"][:1])["id"] == sent["id"], "one digit is enough if no other id begins with it"
    assert house.call("GET", query="batch_id=week.csv", owner="bob")[0] == 404
    records().create(BatchRecord("c" * 32, "ann", sent["id"][:2], "s3://prompts/x", now(), now()))
    assert house.get(sent["id"][:2])["id"] == "c" * 32
    assert house.call("POST", f"{PATH}/week.csv/cancel")[1]["id"] == sent["id"]
    assert house.call("POST", f"{PATH}/{sent['id'][:2]}/retry")[0] == 409, "the batch of that name has no rows"


def test_batches_of_one_name_are_listed_instead_of_changed(house: House) -> None:
    for one in ("a" * 32, "b" * 32):
        records().create(BatchRecord(one, "ann", "job.csv", f"s3://prompts/{one}/job.csv", now(), now()))
    for method, path, query in (("GET", PATH, "batch_id=job.csv"), ("POST", f"{PATH}/job.csv/cancel", "")):
        status, error = house.call(method, path, query)
        assert (status, error["message"].count("a" * 32), error["message"].count("b" * 32)) == (400, 1, 1)


def test_an_ambiguous_batch_id_prefix_lists_the_matches(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = ["abcd" + "0" * 28, "abcd" + "1" * 28]
    for number, one in enumerate(ids):
        record = BatchRecord(one, "ann", f"{number}.csv", "s3://prompts/x", now(), now())
        records().create(record)
    monkeypatch.setattr(api, "MAX_LIMIT", 1)
    status, error = house.call("GET", query="batch_id=abcd")
    assert status == 400
    assert all(one in error["message"] for one in ids)


def test_a_file_that_turns_out_unreadable_is_reported(house: House) -> None:
    assert house.doors.take(house.doors.drop("owners/ann/bad.csv", "prompt\n")) == []
    (listed,) = house.call("GET")[1]["data"]
    assert (listed["status"], listed["error"]["name"]) == ("error", "InvalidFile")
    assert listed["error"]["name"] in names()


def test_two_thousand_rows_are_counted_and_their_ids_looked_up_by_the_hundred(house: House) -> None:
    body = "prompt\n" + "".join(f"boat {number}\n" for number in range(2000))
    calls: list[str] = []
    dynamodb = boto3.client("dynamodb")
    dynamodb.meta.events.register("before-call.dynamodb.*", lambda model, **_: calls.append(model.name))
    status, check = house.call("POST", query="name=big.csv&dry_run=true", body=body)
    assert (status, check["rows"]) == (200, 2000)
    assert calls.count("BatchGetItem") <= 20
    assert len(calls) < 30


def _event(path: str, query: str) -> dict[str, Any]:
    payload = event("http_api")
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = path
    payload["requestContext"]["http"]["method"] = "GET"
    payload["requestContext"]["authorizer"]["lambda"]["owner"] = "ann"
    payload["rawQueryString"] = query
    payload["queryStringParameters"] = dict(part.split("=", 1) for part in query.split("&"))
    return payload


def test_rows_count_against_the_budget_of_the_key_that_sent_the_file(house: House) -> None:
    house.budgets.set(scope_of(key_line="b7c1d2e3"), {"hour": 1})
    status, sent = house.call("POST", query="name=week.csv", body=TWO, key_id="b7c1d2e3")
    assert status == 200
    house.take()
    assert "1 jobs an hour of key b7c1d2e3" in house.get(sent["id"])["held_back"]
    assert house.call("POST", f"{PATH}/{sent['id']}/cancel", key_id="b7c1d2e3")[0] == 200
    assert house.call("POST", f"{PATH}/{sent['id']}/retry", key_id="c8d2e3f4")[0] == 200
    house.run()
    assert house.get(sent["id"])["counts"]["queued"] == 2
    assert house.jobs("key/b7c1d2e3") == 1
    assert house.jobs("key/c8d2e3f4") == 2, "the key that retries pays"


def test_a_larger_file_carries_the_key_that_sends_it(house: House) -> None:
    _, answer = house.call("POST", query="name=big.json&upload=true", key_id="b7c1d2e3")
    fields, policy = answer["upload"]["fields"], json.loads(base64.b64decode(answer["upload"]["fields"]["policy"]))
    assert {"x-amz-meta-key_line": "b7c1d2e3"} in policy["conditions"], "no file comes without it"
    told = {"key_line": fields["x-amz-meta-key_line"]}
    boto3.client("s3").put_object(Bucket="prompts", Key=fields["key"], Body=b'{"prompt": "a boat"}', Metadata=told)
    house.read("big.json")
    assert house.jobs("key/b7c1d2e3") == 1, "one request, which is no batch"


FREE = "prompt,response_format\na boat,url\na kite,\n"


def test_a_file_passes_unknown_fields_on_only_if_told(house: House) -> None:
    query = "name=week.csv&dry_run=true&strict={}"
    status, refused = house.call("POST", query=query.format("true"), body=FREE.replace("response_format", "Foo"))
    assert (status, "No model has `Foo`" in refused["message"]) == (400, True)
    status, checked = house.call("POST", query=query.format("false"), body=FREE)
    assert (status, checked["unchecked"], checked["problem_rows"]) == (200, ["response_format"], 0)
    sent = house.send(FREE, query="&strict=false")
    assert sent["check"]["unchecked"] == ["response_format"]
    house.take()
    found = [house.cloud.ledger.get(row["generation_id"]) for row in house.rows(sent["id"])]
    assert [(one.request.get("response_format"), one.unchecked) for one in found] == [
        ("url", ["response_format"]),
        (None, None),
    ]
    assert house.call("POST", query="name=week.csv&strict=maybe", body=FREE)[0] == 400


def test_rows_that_were_rejected_run_if_the_same_file_is_sent_without_strictness(house: House) -> None:
    lines = '{"prompt": "a boat", "colour": "red"}\n{"prompt": "a kite"}\n'
    sent = house.send(lines, "week.jsonl", "&force=true")
    house.take("week.jsonl")
    before, kite = house.rows(sent["id"])
    assert (before["generation_id"], before["status"], kite["status"]) == (None, "error", "queued")
    again = house.send(lines, "week.jsonl", "&strict=false")
    assert (again["id"], again["status"], again["check"]["made_before"]) == (sent["id"], "reading", 1)
    house.take("week.jsonl")
    boat, same = house.rows(sent["id"])
    assert (boat["status"], same["generation_id"]) == ("queued", kite["generation_id"])
    assert house.cloud.ledger.get(boat["generation_id"]).unchecked == ["colour"]
    assert len(house.doors.executions("BATCH_STATE_MACHINE_ARN")) == 2
    house.send(lines, "week.jsonl", "&strict=false")
    house.read("week.jsonl")
    assert len(house.doors.executions("BATCH_STATE_MACHINE_ARN")) == 2, "nothing is left to start"


def test_the_form_of_a_larger_file_says_that_it_is_not_strict(house: House) -> None:
    fields = house.send("", query="&upload=true&strict=false")["upload"]["fields"]
    assert fields["x-amz-meta-strict"] == "false"


@pytest.mark.parametrize(("strict", "unchecked"), [("false", ["colour"]), ("true", None), ("no", None)])
def test_a_dropped_file_is_strict_unless_its_metadata_says_otherwise(
    doors: Doors, strict: str, unchecked: list[str] | None
) -> None:
    request = json.dumps({"prompt": "a boat", "colour": "red"})
    assert doors.take(doors.drop("a.json", request, strict=strict)) == []
    assert [one.unchecked for one in doors.of("files")] == [unchecked]
    assert [one.status.ended for one in doors.of("files")] == [unchecked is None]


def file_of(house: House, batch_id: str, owner: str = "ann") -> tuple[int, dict[str, Any]]:
    return house.call("GET", f"{PATH}/{batch_id}/file", owner=owner)


def content_at(url: str) -> bytes:
    parts = urlsplit(url)
    bucket = parts.hostname.split(".")[0] if parts.hostname else ""
    body: bytes = boto3.client("s3").get_object(Bucket=bucket, Key=unquote(parts.path[1:]))["Body"].read()
    return body


def test_the_file_of_a_batch_is_the_one_that_was_sent(house: House) -> None:
    batch = house.send("prompt,seed,_note\n=a boat,1,mine\n=a boat,x,\n", query="&force=true")
    assert file_of(house, batch["id"])[0] == 409, "it is not read yet"
    house.take()
    status, found = file_of(house, "week.csv")
    assert (status, found["name"], found["revision"], found["can_resend"]) == (200, "week.csv", 1, True)
    content = content_at(found["url"])
    assert content == b"prompt,seed,_note\n=a boat,1,mine\n=a boat,x,\n"
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (found["sha256"], found["size"])


def test_nobody_else_gets_the_file_of_a_batch(house: House) -> None:
    batch = house.send()
    house.take()
    assert file_of(house, batch["id"], owner="bob")[0] == 404
    assert file_of(house, "week.csv", owner="bob")[0] == 404


def test_an_expired_file_is_reported(house: House) -> None:
    batch = house.send()
    house.take()
    boto3.client("s3").delete_object(Bucket="prompts", Key="owners/ann/week.csv")
    status, answer = file_of(house, batch["id"])
    assert (status, "has expired" in answer["message"]) == (409, True)


def test_only_fixed_rows_start_if_failed_rows_return_to_their_batch(house: House) -> None:
    text = "prompt,seed\na boat,1\na kite,x\na car,3\na boat,1\n"
    batch = house.send(text, query="&force=true")
    house.take()
    before = house.rows(batch["id"])
    assert [row["status"] for row in before] == ["queued", "error", "queued", "queued"]
    revision = _rows.Revision(batch["id"], 1)
    part = _rows.read("week.csv", text.encode()).marked({2: "x", 3: "y"}, revision, ".csv")
    fixed = part.replace("a kite,x", "a kite,2")
    whole = _rows.read("week.csv", content_at(file_of(house, "week.csv")[1]["url"]))
    found = _rows.merge(whole, _rows.read("failed.csv", fixed.encode()), "failed.csv")
    answer = house.send(found.text)
    assert (answer["check"]["made_before"], answer["check"]["rows"]) == (3, 4)
    house.take()
    after = house.rows(batch["id"])
    assert [row["status"] for row in after] == ["queued"] * 4
    kept = [one["generation_id"] == other["generation_id"] for one, other in zip(before, after, strict=True)]
    assert kept == [True, False, True, True]
