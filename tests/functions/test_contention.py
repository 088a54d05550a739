"""Test that too many writes at once delay a request, a row or an announcement, and lose none."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.client
import pytest

import api
from core.errors import Contention
from core.generation import Status
from core.money.budgets import Budgets, Limits
from tests.support.events import event
from tests.support.functions import PATHS, Cloud, Doors, call
from tests.support.money import USD
from tests.support.revisions import Week
from wiring import now

BODY = {"model": "veo2", "prompt": "a boat"}
BUSY = "ProvisionedThroughputExceededException"


class Crowd:
    """Other writers, which are always in the way of some operations on DynamoDB while they are here."""

    def __init__(self) -> None:
        self.in_the_way_of: dict[str, str] = {}  # errors by operation
        self.attempts = 0

    def call(self, client: Any, operation: str, original: Any, asked: Any) -> Any:
        code = self.in_the_way_of.get(operation)
        if code is None:
            return original(client, operation, asked)
        self.attempts += 1
        error: Any = {"Error": {"Code": code, "Message": "busy"}}
        if code == "TransactionCanceledException":
            error["CancellationReasons"] = [{"Code": "None"}, {"Code": "TransactionConflict"}]
        raise client.exceptions.from_code(code)(error, operation)


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crowd]:
    crowd, client = Crowd(), botocore.client.BaseClient
    original = client._make_api_call  # type: ignore[attr-defined]  # not in the stubs
    monkeypatch.setattr(client, "_make_api_call", lambda self, name, asked: crowd.call(self, name, original, asked))
    monkeypatch.setattr("core.records.table.time.sleep", lambda _: None)
    yield crowd
    crowd.in_the_way_of = {}


@pytest.fixture
def money(cloud: Cloud) -> Budgets:  # noqa: ARG001 - has the table
    return Budgets(boto3.client("dynamodb"), "money", Limits(), now)


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("TransactWriteItems", "TransactionCanceledException"),
        ("TransactWriteItems", "TransactionInProgressException"),
        ("BatchGetItem", BUSY),
    ],
)
def test_a_request_is_answered_with_503_and_can_be_repeated(
    cloud: Cloud, crowd: Crowd, operation: str, code: str
) -> None:
    crowd.in_the_way_of = {operation: code}
    payload = event("http_api")
    payload["body"], payload["headers"]["idempotency-key"] = json.dumps(BODY), "once"
    answer = cloud.invoke("api", payload)
    assert answer["statusCode"] == 503
    assert int(answer["headers"]["Retry-After"]) in range(api.RETRY_AFTER_SECONDS[0], api.RETRY_AFTER_SECONDS[1] + 1)
    body = json.loads(answer["body"])
    assert body["message"].startswith("Too many requests change the same records or budgets")
    assert "same idempotency key" in body["remedy"]
    crowd.in_the_way_of = {}
    assert call(cloud, "GET", PATHS[0])[1]["data"] == []
    assert cloud.invoke("api", payload)["statusCode"] == 200
    assert len(call(cloud, "GET", PATHS[0])[1]["data"]) == 1


def test_a_plain_write_that_always_meets_a_transaction_is_answered_with_503(cloud: Cloud, crowd: Crowd) -> None:
    _, made = call(cloud, "POST", PATHS[0], body=BODY)
    crowd.in_the_way_of = {"UpdateItem": "TransactionConflictException"}
    assert call(cloud, "DELETE", PATHS[0], query=f"generation_id={made['id']}")[0] == 503
    assert crowd.attempts > 10
    crowd.in_the_way_of = {}
    assert call(cloud, "DELETE", PATHS[0], query=f"generation_id={made['id']}")[1]["status"] == "error"


def test_a_budgets_refusal_that_meets_a_transaction_is_a_refusal(cloud: Cloud, crowd: Crowd, money: Budgets) -> None:
    money.set("owner/ann", {"day": 1 * USD})
    crowd.in_the_way_of = {"UpdateItem": "TransactionConflictException"}
    status, refused = call(cloud, "POST", PATHS[0], body=BODY)
    assert (status, "1.00 USD a day of owner ann" in refused["message"]) == (403, True)


def test_a_mistake_in_a_transaction_is_not_contention(
    cloud: Cloud, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.records.table._PASSING", (None, "None"))
    crowd.in_the_way_of = {"TransactWriteItems": "TransactionCanceledException"}
    assert call(cloud, "POST", PATHS[0], body=BODY)[0] == 500
    assert crowd.attempts == 1


@pytest.mark.parametrize("kind", ["file", "event"])
def test_a_file_and_an_event_arrive_again_until_they_are_accepted(
    cloud: Cloud, doors: Doors, crowd: Crowd, kind: str
) -> None:
    if kind == "file":
        created, owner = doors.drop("one.json", json.dumps(BODY)), "files"
    else:
        created, owner = event("generation_requested"), "shop"
    good = doors.drop("folder/", "")
    crowd.in_the_way_of = {"TransactWriteItems": "TransactionCanceledException"}
    for _ in range(2):
        assert doors.take(good, created) == ["message-1"], "the queue delivers it again"
    assert cloud.messages() == [], "it was not rejected"
    crowd.in_the_way_of = {}
    assert doors.take(created) == doors.take(created) == []
    assert [one.status for one in doors.of(owner)] == [Status.QUEUED]


def test_a_row_is_accepted_again_until_it_succeeds(doors: Doors, crowd: Crowd) -> None:
    week = Week(doors)
    batch = week.drop("a boat")
    crowd.in_the_way_of = {"TransactWriteItems": "TransactionCanceledException"}
    with pytest.raises(Contention):
        week.accept(batch)
    assert week.all == []
    crowd.in_the_way_of = {}
    assert [answer["ended"] for answer in week.accept(batch)] == [False]


def test_an_end_that_could_not_be_counted_is_announced_again(cloud: Cloud, crowd: Crowd, money: Budgets) -> None:
    _, made = call(cloud, "POST", PATHS[0], body=BODY)
    state = cloud.run({"generation_id": made["id"]}, "submit", "check_status")
    crowd.in_the_way_of = {"TransactWriteItems": "TransactionCanceledException"}
    with pytest.raises(Contention):
        cloud.run(state, "finalize")
    assert money.of_all().used.day_credits == 5 * USD, "held"
    crowd.in_the_way_of = {}
    cloud.run(state, "finalize")
    assert money.of_all().used.day_credits == 2.5 * USD
    ids = [json.loads(message["Message"])["generation_id"] for message in cloud.messages()]
    assert {*ids} == {made["id"]}


def test_waiting_for_others_takes_less_time_than_a_call_may_take(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch, cloud: Cloud
) -> None:
    """API Gateway answers 503 by itself after 30 seconds, without our message."""
    waits: list[float] = []
    monkeypatch.setattr("core.records.table.time.sleep", waits.append)
    monkeypatch.setattr("core.records.table.random.uniform", lambda _, most: most)
    crowd.in_the_way_of = {"TransactWriteItems": "TransactionCanceledException"}
    assert call(cloud, "POST", PATHS[0], body=BODY)[0] == 503
    assert sum(waits) < 15
    assert all(after >= before for before, after in itertools.pairwise(waits))
