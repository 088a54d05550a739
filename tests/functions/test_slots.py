"""Report how many slots are held and waited for, now and hour by hour."""

from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from core.generation import iso
from core.records.table import read
from core.slots.history import KEPT_FOR, History
from core.slots.table import HOUR, PK, SK, SlotsTable, Waiting
from tests.support.functions import Cloud, call
from wiring import now


def hold(number: int, holder: str) -> None:
    slot = {PK: "slot", SK: f"{number:06d}", "holder": holder, "owner": "bob", "since": iso(now())}
    boto3.client("dynamodb").put_item(TableName="slots", Item={name: {"S": text} for name, text in slot.items()})


def wait(*ids: str) -> None:
    table = SlotsTable(boto3.client("dynamodb"), "slots", "generations")
    for generation_id in ids:
        table.wait(Waiting(generation_id, "bob", iso(now())))


def history() -> History:
    return History(boto3.client("dynamodb"), "slots")


def slots(cloud: Cloud, **asked: Any) -> dict[str, Any]:
    status, answer = call(cloud.caller(**asked), "GET", "/v2/slots")
    assert status == 200
    return answer


def test_every_owner_sees_slot_counts_but_not_whose_they_are(cloud: Cloud) -> None:
    hold(0, "g1")
    wait("g2", "g3", "g4")
    assert slots(cloud, owner="ann", scope="read") == {"limit": 2, "held": 1, "waiting": 3, "hours": []}
    assert call(cloud.caller(""), "GET", "/v2/slots")[0] == 401


def test_the_sweep_samples_slots_and_seven_days_of_means_are_shown(cloud: Cloud) -> None:
    hour = now().replace(minute=0, second=0, microsecond=0)
    for days, held in ((8, 9), (6, 2)):
        history().note(held, 1, hour - timedelta(days=days))
    hold(0, "g1")
    wait("g2")
    cloud.invoke("sweep", {})
    [item] = [one for one in _hours() if one[SK] == f"{hour:%Y-%m-%dT%H:00Z}"]
    assert (item["held"], item["waiting"], item["samples"]) == (1, 1, 1)
    assert abs(item["expires_at"] - (now() + KEPT_FOR).timestamp()) < 3600
    for held, waiting in ((2, 3), (2, 0)):
        history().note(held, waiting, hour)
    assert slots(cloud)["hours"] == [
        {"hour": f"{hour - timedelta(days=6):%Y-%m-%dT%H:00Z}", "held": 2, "waiting": 1},
        {"hour": f"{hour:%Y-%m-%dT%H:00Z}", "held": 1.67, "waiting": 1.33},
    ]


def test_a_sweep_continues_if_the_sample_cannot_be_stored(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(0, "nobody")

    def refuse(*_: object) -> None:
        raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "UpdateItem")

    monkeypatch.setattr(History, "note", refuse)
    cloud.invoke("sweep", {})
    assert cloud.holders == [], "the unowned slot is free"
    assert _hours() == []


def _hours() -> list[dict[str, Any]]:
    items = boto3.client("dynamodb").scan(TableName="slots")["Items"]
    return [item for item in map(read, items) if item[PK] == HOUR]
