"""Test the nightly function, its reports in S3, and the metric of the alarm."""

import csv
import io
import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3
import pytest

import reconcile
from core.errors import ProviderUnavailable
from core.generation import iso
from tests.support.functions import KEY, Cloud
from tests.support.generations import generation
from wiring import now

COST = 5_000_000
NIGHTLY: dict[str, Any] = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
Night = Callable[[int], date]
EARLIER = timedelta(minutes=1)


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch) -> Night:
    """Return a function that sets the clock to a night so many days after today, only for `reconcile`.

    It returns the day before that night. A charge may arrive a day late, so the night is a little earlier in its day
    than now: with a fixed hour the result would depend on the time of the test run.
    """
    monkeypatch.setattr("core.reconciliation.day.PAUSES", ())
    since_midnight = time.time() % timedelta(days=1).total_seconds()
    if since_midnight < EARLIER.total_seconds():
        time.sleep(EARLIER.total_seconds() - since_midnight)
    today = datetime.now(UTC)

    def let(days: int) -> date:
        then = today + timedelta(days=days) - EARLIER
        monkeypatch.setattr(reconcile, "now", lambda: then)
        return (then - timedelta(days=1)).date()

    return let


def made(cloud: Cloud, generation_id: str, **script: Any) -> None:
    """Return a generation of today whose video the provider has finished."""
    cloud.simulator.script(generation_id, **script)
    request = {"model": "veo2", "prompt": generation_id}
    cloud.ledger.add(generation(generation_id, request=request, created_at=now(), updated_at=now()))
    assert cloud.run({"generation_id": generation_id}, "submit", "check_status")["status"] == "archiving"


def rows(sums: dict[str, Any]) -> list[dict[str, str]]:
    """Return the lines of the report that the totals refer to."""
    bucket, _, key = sums["report"].removeprefix("s3://").partition("/")
    body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    return list(csv.DictReader(io.StringIO(body)))


def kept() -> set[str]:
    found = boto3.client("s3").list_objects_v2(Bucket="videos", Prefix="reconciliation/")
    return {item["Key"].removeprefix("reconciliation/") for item in found.get("Contents", [])}


def counted(capsys: pytest.CaptureFixture[str]) -> list[float]:
    """Return what the alarm's metric counted since the last call."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"DoesNotAddUp"' in line]
    return [line["DoesNotAddUp"][0] for line in lines]


def test_a_day_without_differences_is_reconciled_once(
    cloud: Cloud, night: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    made(cloud, "g1")
    made(cloud, "g2")
    day = night(1)
    [sums] = cloud.invoke("reconcile", NIGHTLY)["days"]
    assert (sums["day"], sums["adds_up"], sums["is_final"]) == (day.isoformat(), True, True)
    assert sums["counts"]["adds_up"] == {"count": 2, "credits": 2 * COST}
    assert rows(sums) == []
    assert kept() == {f"{day}.csv", f"{day}.json"}
    assert counted(capsys) == []
    asked = len(cloud.simulator.calls())
    assert cloud.invoke("reconcile", NIGHTLY, warm=True) == {"days": []}, "an hour later nothing is left to do"
    assert len(cloud.simulator.calls()) == asked


def test_differences_are_reported_and_raise_the_alarm_once(
    cloud: Cloud, night: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    made(cloud, "fine")
    made(cloud, "twice", charges=[{}, {}])
    made(cloud, "more", charges=[{"times": 2}])
    made(cloud, "free", charges=[])
    stranger = cloud.simulator.charge_others(7)
    day = night(1).isoformat()
    [sums] = cloud.invoke("reconcile", NIGHTLY)["days"]
    assert not sums["adds_up"]
    assert not sums["is_final"]
    assert {
        row["generation_id"] or row["provider_id"]: (row["kind"], row["charged_credits"]) for row in rows(sums)
    } == {
        "twice": ("charged_twice", str(2 * COST)),
        "more": ("other_amount", str(2 * COST)),
        "free": ("waiting", "0"),
        stranger: ("not_ours", "7"),
    }
    assert counted(capsys) == [3]
    assert cloud.invoke("reconcile", NIGHTLY, warm=True) == {"days": []}, "open charges are left for another night"
    assert cloud.invoke("reconcile", {"day": day}, warm=True)["days"] == [sums], "by hand: the same"
    assert counted(capsys) == [], "which is known"
    cloud.simulator.charge_others(8)
    assert cloud.invoke("reconcile", {"day": day}, warm=True)["days"][0]["counts"]["not_ours"]["count"] == 2
    assert counted(capsys) == [1]
    night(2)
    first, second = cloud.invoke("reconcile", NIGHTLY)["days"]
    assert (first["day"], first["is_final"], first["counts"]["not_charged"]) == (
        day,
        True,
        {"count": 1, "credits": COST},
    )
    assert second["adds_up"]
    assert counted(capsys) == [1], "the charge that did not arrive"
    night(3)
    assert [sums["day"] for sums in cloud.invoke("reconcile", NIGHTLY)["days"]] == [night(3).isoformat()]


def test_missed_nights_are_caught_up(cloud: Cloud, night: Night) -> None:
    first = night(1)
    cloud.invoke("reconcile", NIGHTLY)
    cloud.simulator.script_transactions({"status": 500, "repeat": True})
    night(2)
    with pytest.raises(ProviderUnavailable, match="500"):
        cloud.invoke("reconcile", NIGHTLY)
    cloud.simulator.script_transactions()
    night(4)
    days = [sums["day"] for sums in cloud.invoke("reconcile", NIGHTLY)["days"]]
    assert days == [(first + timedelta(days=number)).isoformat() for number in (1, 2, 3)]


def test_an_interrupted_run_is_continued(cloud: Cloud, night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    made(cloud, "g1")
    day = night(1).isoformat()
    with monkeypatch.context() as short:
        short.setattr(reconcile, "BY_HAND", timedelta(seconds=-1))
        assert cloud.invoke("reconcile", {"day": day}) == {"days": []}
    assert kept() == {f"work/{day}"}
    cloud.simulator.script_transactions(*[None] * 5, {"status": 500, "repeat": True})
    with pytest.raises(ProviderUnavailable):
        cloud.invoke("reconcile", {"day": day})
    assert kept() == {f"work/{day}"}
    cloud.simulator.script_transactions()
    asked = len(cloud.simulator.calls())
    [sums] = cloud.invoke("reconcile", {"day": day})["days"]
    assert sums["counts"]["adds_up"]["count"] == 1
    assert kept() == {f"{day}.csv", f"{day}.json"}
    assert len(cloud.simulator.calls()) - asked == 26 - 5, "what was read before is not read again"


def test_a_day_reconciled_early_is_reconciled_again_after_its_end(
    cloud: Cloud, night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(cloud, "g1")
    day = night(1)
    monkeypatch.setattr(reconcile, "now", now)
    [sums] = cloud.invoke("reconcile", {"day": day.isoformat()})["days"]
    assert (sums["adds_up"], sums["is_final"]) == (True, False)
    night(1)
    [again] = cloud.invoke("reconcile", NIGHTLY)["days"]
    assert (again["day"], again["is_final"]) == (day.isoformat(), True)


def test_a_rejected_key_is_reported_but_not_shown(cloud: Cloud, night: Night) -> None:
    night(1)
    cloud.simulator.rotate(["another"])
    with pytest.raises(ProviderUnavailable, match="401") as refused:
        cloud.invoke("reconcile", NIGHTLY)
    assert KEY not in str(refused.value)


def test_cells_of_a_report_are_not_formulas(cloud: Cloud, night: Night) -> None:
    cloud.simulator.charge_others(7, model="=1+1")
    night(1)
    [sums] = cloud.invoke("reconcile", NIGHTLY)["days"]
    [row] = rows(sums)
    assert row["model"] == "'=1+1"


def test_ledger_times_belong_to_their_utc_day(cloud: Cloud) -> None:
    made(cloud, "g1")
    item = boto3.client("dynamodb").get_item(TableName="generations", Key={"generation_id": {"S": "g1"}})["Item"]
    generated_at = cloud.ledger.get("g1").generated_at
    assert generated_at
    assert item["done_on"]["S"] == iso(generated_at)[:10]
