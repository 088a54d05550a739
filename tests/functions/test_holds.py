"""Test holds through the functions: a cancelled batch that is retried at once, and keys that are rotated."""

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest

from core.batches import api as batches
from core.generation import Status
from core.money.budgets import Budgets, Limits, scope_of
from core.records.ledger import Ledger
from promptreel.operator.keys import ApiKeys
from tests.support.dying import INVOCATIONS, Death, Killed, dying
from tests.support.events import event
from tests.support.functions import PATHS, Cloud, Doors, call
from tests.support.money import USD
from tests.support.revisions import Week, staged
from tests.support.states import caught
from wiring import now

PRICE = 2.5  # of a video of 5 s at the simulator


@pytest.fixture(autouse=True)
def prices(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first sweep find the prices at the provider."""
    cloud.invoke("sweep", {})
    monkeypatch.setattr(batches, "LAG_SECONDS", 0)


def budgets() -> Budgets:
    return Budgets(boto3.client("dynamodb"), "money", Limits(), now)


def spent(scope: str = "all") -> tuple[float, float]:
    """Return what a scope counts today and this month, in dollars."""
    [used] = [one.used for one in budgets().every() if one.scope == scope]
    return used.day_credits / USD, used.month_credits / USD


def usage(cloud: Cloud, owner: str) -> tuple[int, int, float]:
    _, answer = call(cloud.caller(owner), "GET", "/v2/usage")
    return answer["total"]["completed"], answer["total"]["failed"], answer["total"]["usd"]


def manage(cloud: Cloud, batch: dict[str, Any], action: str) -> None:
    path = f"/v2/batches/{batch['batch_id']}/{action}"
    assert call(cloud.caller("files"), "POST", path)[0] == 200


def latest_run(doors: Doors) -> dict[str, Any]:
    """Return the input of the execution that was started last."""
    given: dict[str, Any] = doors.executions("BATCH_STATE_MACHINE_ARN")[-1]["input"]
    return given


def test_a_batch_that_is_retried_before_the_events_of_its_cancel_arrive_holds_its_cost_once(
    doors: Doors, cloud: Cloud
) -> None:
    week = Week(doors)
    batch = week.drop(*"abcd")
    rows = week.accept(batch)
    assert spent() == (10, 10)
    manage(cloud, batch, "cancel")
    manage(cloud, batch, "retry")
    again = week.accept(latest_run(doors))
    assert [one["execution"] for one in again] == [f"{one['generation_id']}-1" for one in rows]
    assert spent() == (10, 10)
    for row in rows:  # the events of the cancel arrive
        cloud.run({"generation_id": row["generation_id"], **caught("Cancelled", "by its owner")}, "record_failure")
    assert spent() == (10, 10)
    for row in again[:2]:
        cloud.run(row, "submit", "check_status", "finalize", execution=row["execution"])
    manage(cloud, batch, "cancel")
    for row in again[2:]:
        stopped = {"generation_id": row["generation_id"], **caught("Cancelled", "by its owner")}
        cloud.run(stopped, "record_failure", execution=row["execution"])
    assert spent() == (5, 5)
    assert usage(cloud, "files") == (2, 2, 5)


def test_a_retry_that_meets_the_announcement_of_the_cancel_counts_one_end(
    doors: Doors, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event arrives after the retry has read the row, and before it writes."""
    week = Week(doors)
    batch = week.drop("a")
    (row,) = week.accept(batch)
    manage(cloud, batch, "cancel")
    manage(cloud, batch, "retry")
    get = Ledger.get

    def announced_meanwhile(self: Ledger, generation_id: str) -> Any:
        found = get(self, generation_id)
        monkeypatch.setattr(Ledger, "get", get)
        stopped = {"generation_id": generation_id, **caught("Cancelled", "by its owner")}
        cloud.run(stopped, "record_failure")
        return found

    monkeypatch.setattr(Ledger, "get", announced_meanwhile)
    (again,) = week.accept(latest_run(doors))
    assert again["execution"] == f"{row['generation_id']}-1"
    cloud.run(again, "submit", "check_status", "finalize", execution=again["execution"])
    assert usage(cloud, "files") == (1, 0, PRICE)
    assert spent() == (PRICE, PRICE)


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
def test_a_row_whose_retry_dies_anywhere_holds_its_cost_once(
    doors: Doors, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    week, at, points = Week(doors), 0, 1
    while at <= points:
        batch = week.drop("a", key=f"{at}.jsonl")
        row = cloud.invoke("accept_row", staged(batch)[0])
        manage(cloud, batch, "cancel")
        manage(cloud, batch, "retry")
        (given,) = staged(latest_run(doors))
        death = Death(at)
        with dying(monkeypatch, death):
            for _ in range(INVOCATIONS):
                try:
                    again = cloud.invoke("accept_row", given)
                    break
                except Killed:
                    continue
        points = len(death.points) if at == 0 else points
        assert again["execution"] == f"{row['generation_id']}-1"
        assert spent() == ((at + 1) * PRICE, (at + 1) * PRICE)
        at += 1
    assert points > 10
    assert {one.status for one in week.all} == {Status.QUEUED}


def authorized(cloud: Cloud, key: str) -> dict[str, Any]:
    """Return what the gateway passes on for a key."""
    # moto does not move its default version when the label moves.
    secrets, secret_id = boto3.client("secretsmanager"), cloud.environment["API_KEYS_SECRET"]
    stored = secrets.get_secret_value(SecretId=secret_id, VersionStage="AWSCURRENT")["SecretString"]
    secrets.put_secret_value(SecretId=secret_id, SecretString=stored)
    asked = event("authorizer")
    asked["headers"]["authorization"] = f"Bearer {key}"
    context: dict[str, Any] = cloud.invoke("authorize", asked)["context"]
    return context


def create(cloud: Cloud, key: str) -> tuple[int, dict[str, Any]]:
    payload = event("http_api")
    payload["requestContext"]["authorizer"]["lambda"] = authorized(cloud, key)
    payload["body"] = json.dumps({"model": "veo2", "prompt": "a boat"})
    answer = cloud.invoke("api", payload)
    return answer["statusCode"], json.loads(answer["body"])


def test_a_key_and_its_replacement_spend_one_budget(cloud: Cloud) -> None:
    keys = ApiKeys(boto3.client("secretsmanager"), cloud.environment["API_KEYS_SECRET"])
    old, kept = keys.create("ann")
    budgets().set(scope_of(key_line=kept.key_id), {"day": 10 * USD})
    body = {"model": "veo2", "prompt": "a boat"}
    held = [call(cloud.caller(key_id=kept.key_id), "POST", PATHS[0], body=body) for _ in range(2)]
    new, replacement, _ = keys.rotate(kept.key_id, timedelta(hours=1))
    newest, _, _ = keys.rotate(replacement.key_id, timedelta(hours=1))
    assert [create(cloud, key)[0] for key in (new, old, newest, new)] == [200, 200, 403, 403]
    assert spent(f"key/{kept.key_id}") == (10, 10)
    for _, made in held:  # by the old key
        call(cloud, "DELETE", PATHS[0], query=f"generation_id={made['id']}")
        cloud.run({"generation_id": made["id"], **caught("Cancelled", "by its owner")}, "record_failure")
    assert spent(f"key/{kept.key_id}") == (5, 5)
    assert create(cloud, newest)[0] == 200
    payload = event("http_api")
    payload["rawPath"] = "/v2/budgets"
    payload["requestContext"]["http"]["method"] = "GET"
    payload["requestContext"]["authorizer"]["lambda"] = authorized(cloud, newest)
    [line] = json.loads(cloud.invoke("api", payload)["body"])["data"]
    assert (line["scope"], line["used_usd"], line["left_usd"]) == (f"key/{kept.key_id}", 7.5, 2.5)


def test_each_key_of_a_line_is_listed_with_its_own_use(cloud: Cloud) -> None:
    keys = ApiKeys(boto3.client("secretsmanager"), cloud.environment["API_KEYS_SECRET"])
    old, kept = keys.create("ann")
    new, replacement, _ = keys.rotate(kept.key_id, timedelta(hours=1))
    create(cloud, new)
    shown = {one["id"]: one for one in call(cloud.caller(key_id=replacement.key_id), "GET", "/v2/keys")[1]["data"]}
    assert {key_id: (one["is_yours"], bool(one["used_at"])) for key_id, one in shown.items()} == {
        kept.key_id: (False, False),
        replacement.key_id: (True, True),
    }
    assert authorized(cloud, old)["key_id"] == kept.key_id
