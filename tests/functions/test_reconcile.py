"""Test the nightly function, its reports in S3, and the metric of the alarm."""

import csv
import io
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

import boto3
import botocore.client
import pytest

import reconcile
from core.errors import ProviderUnavailable
from core.generation import iso
from core.provider.account import Movement
from core.provider.client import Provider
from core.reconciliation.book import Book
from core.reconciliation.day import Judged
from core.reconciliation.reports import Reports, Sums
from core.reconciliation.shelf import Shelf
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
    monkeypatch.setattr("core.reconciliation.reading.PAUSES", ())
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


def kept(*folders: str) -> set[str]:
    """Return the objects of these folders, by default the reports."""
    found = boto3.client("s3").list_objects_v2(Bucket="videos", Prefix="reconciliation/")
    names = {item["Key"].removeprefix("reconciliation/") for item in found.get("Contents", [])}
    return {name for name in names if (name.startswith(folders) if folders else name.endswith((".csv", ".json")))}


def due() -> set[str]:
    """Return the days that are due, now or later."""
    return {name.removeprefix("due/").partition("_")[0] for name in kept("due/")}


def counted(capsys: pytest.CaptureFixture[str], name: str = "DoesNotAddUp") -> list[float]:
    """Return what the alarm's metric counted since the last call."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if f'"{name}"' in line]
    return [line[name][0] for line in lines]


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
    assert kept("work/") == {f"work/{day}"}
    cloud.simulator.script_transactions(*[None] * 5, {"status": 500, "repeat": True})
    with pytest.raises(ProviderUnavailable):
        cloud.invoke("reconcile", {"day": day})
    assert kept("work/") == {f"work/{day}"}
    cloud.simulator.script_transactions()
    asked = len(cloud.simulator.calls())
    [sums] = cloud.invoke("reconcile", {"day": day})["days"]
    assert sums["counts"]["adds_up"]["count"] == 1
    assert kept() == {f"{day}.csv", f"{day}.json"}
    assert kept("work/") == set()
    today = len(range(datetime.now(UTC).hour + 1))
    assert len(cloud.simulator.calls()) - asked in (24 - 5 + today, 24 - 5 + today - 1), "nothing is read again"


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


class Days:
    """The days of which the provider's transactions cannot be read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.unreadable: set[date] = set()
        movements = Provider.movements

        def read(provider: Provider, start: datetime, end: datetime) -> Iterator[Any]:
            if start.date() in self.unreadable:
                raise ProviderUnavailable(f"{start.date()} cannot be read.")
            return movements(provider, start, end)

        monkeypatch.setattr(Provider, "movements", read)


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Days:
    return Days(monkeypatch)


@pytest.mark.parametrize("amount", [0.4, 7.5])
def test_an_unreadable_row_is_a_finding_and_ends_nothing(
    cloud: Cloud, night: Night, capsys: pytest.CaptureFixture[str], amount: Any
) -> None:
    made(cloud, "g1")
    cloud.simulator.charge_others(amount)
    night(1)
    [sums] = cloud.invoke("reconcile", NIGHTLY)["days"]
    assert (sums["adds_up"], sums["counts"]["adds_up"]["count"], sums["counts"]["unreadable"]["count"]) == (False, 1, 1)
    [row] = rows(sums)
    assert row["kind"] == "unreadable"
    assert json.loads(row["row"])["amount"]["credits"] == amount
    assert counted(capsys) == [1]
    cloud.simulator.charge_others(amount)
    assert cloud.invoke("reconcile", {"day": sums["day"]})["days"][0]["counts"]["unreadable"]["count"] == 2
    assert counted(capsys) == [1]


def test_a_day_that_cannot_be_read_stops_no_other_and_stays_due(cloud: Cloud, night: Night, days: Days) -> None:
    oldest, newest = night(1), night(12)
    days.unreadable = {oldest, newest}
    for number in (1, 2, 12):
        night(number)
        with pytest.raises(ProviderUnavailable, match="cannot be read"):
            cloud.invoke("reconcile", NIGHTLY)
        assert oldest.isoformat() in due(), "however old it is"
    assert len(kept()) == 2 * 10, "all in between"
    assert due() == {oldest.isoformat(), newest.isoformat()}
    days.unreadable = set()
    sums = cloud.invoke("reconcile", NIGHTLY)["days"]
    assert [one["day"] for one in sums] == [oldest.isoformat(), newest.isoformat()]
    assert due() == set()


def test_the_days_around_one_that_cannot_be_read_wait_for_what_it_may_have(
    cloud: Cloud, night: Night, days: Days, capsys: pytest.CaptureFixture[str]
) -> None:
    made(cloud, "fine")
    made(cloud, "late", charges=[])
    day = night(1)
    bad = day + timedelta(days=1)
    days.unreadable = {bad}
    charge(cloud, "late", COST, datetime(bad.year, bad.month, bad.day, tzinfo=UTC))
    for number in (1, 2, 3, 4):
        night(number)
        with suppress(ProviderUnavailable):
            cloud.invoke("reconcile", NIGHTLY)
        others = {day + timedelta(days=one) for one in range(number)} - {bad}
        assert kept() == {f"{one}.{form}" for one in others for form in ("csv", "json")}
        assert {bad.isoformat(), day.isoformat()} - due() == ({bad.isoformat()} if number == 1 else set())
    assert counted(capsys) == [], "nothing is missing yet"
    days.unreadable = set()
    found = {sums["day"]: sums for sums in cloud.invoke("reconcile", NIGHTLY)["days"]}
    assert found[day.isoformat()]["counts"]["adds_up"]["count"] == 2
    assert due() == set()


def test_days_that_are_not_done_raise_an_alarm_the_same_night(
    cloud: Cloud, night: Night, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    night(1)
    monkeypatch.setattr(reconcile, "LONGEST", timedelta(seconds=-1))
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    for hour, minute, overdue in ((3, 20, []), (7, 20, []), (8, 20, [1]), (27, 20, [1]), (32, 20, [2])):
        monkeypatch.setattr(reconcile, "now", lambda at=midnight + timedelta(hours=hour, minutes=minute): at)
        assert cloud.invoke("reconcile", NIGHTLY) == {"days": []}
        assert counted(capsys, "DaysOverdue") == overdue
    monkeypatch.setattr(reconcile, "LONGEST", timedelta(minutes=12))
    assert len(cloud.invoke("reconcile", NIGHTLY)["days"]) == 2
    assert counted(capsys, "DaysOverdue") == []


def spoiled(_: bytes) -> bytes:
    return b"spoiled"


def cut(body: bytes) -> bytes:
    return body[: len(body) // 2]


def empty(_: bytes) -> bytes:
    return b""


def of_another_version(body: bytes) -> bytes:
    return body[:60] + (99).to_bytes(4, "big") + body[64:]  # SQLite's user_version


@pytest.mark.parametrize(
    ("folder", "spoil"),
    [("work/", spoiled), ("work/", cut), ("work/", empty), ("work/", of_another_version), ("books/", cut)],
)
def test_a_file_that_cannot_be_used_is_read_again(
    cloud: Cloud, night: Night, days: Days, folder: str, spoil: Any
) -> None:
    made(cloud, "g1")
    made(cloud, "late", charges=[])
    day = night(1)
    if folder == "work/":
        days.unreadable = {day}
        with pytest.raises(ProviderUnavailable):
            cloud.invoke("reconcile", NIGHTLY)
        days.unreadable = set()
    else:
        cloud.invoke("reconcile", NIGHTLY)
        night(2)
    [name] = kept(folder)
    s3 = boto3.client("s3")
    body = s3.get_object(Bucket="videos", Key=f"reconciliation/{name}")["Body"].read()
    s3.put_object(Bucket="videos", Key=f"reconciliation/{name}", Body=spoil(body))
    sums = cloud.invoke("reconcile", NIGHTLY)["days"][0]
    assert (sums["day"], sums["counts"]["adds_up"]["count"]) == (day.isoformat(), 1)


def test_a_finding_is_announced_once_also_when_another_of_its_kind_disappears(
    cloud: Cloud, night: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    made(cloud, "refunded", charges=[{"times": 2}])
    day = night(1).isoformat()
    cloud.invoke("reconcile", NIGHTLY)
    assert counted(capsys) == [1]
    charge(cloud, "refunded", -COST)
    made(cloud, "new", charges=[{"times": 3}])
    [sums] = cloud.invoke("reconcile", {"day": day})["days"]
    assert [row["generation_id"] for row in rows(sums)] == ["new"]
    assert counted(capsys) == [1], "one as before, but another one"
    cloud.invoke("reconcile", {"day": day})
    assert counted(capsys) == []


def charge(cloud: Cloud, generation_id: str, amount: int, at: datetime | None = None) -> None:
    """Charge or refund a generation again, at a time."""
    movement = Movement(
        at or now(),
        "MODEL_USAGE" if amount > 0 else "REFUND",
        amount,
        cloud.ledger.get(generation_id).provider_id,
        None,
    )
    Charges.more.append(movement)


class Charges:
    """Charges in addition to the simulator's."""

    more: ClassVar[list[Movement]] = []


@pytest.fixture(autouse=True)
def _more_charges(monkeypatch: pytest.MonkeyPatch) -> None:
    Charges.more = []
    movements = Provider.movements

    def read(provider: Provider, start: datetime, end: datetime) -> Iterator[Any]:
        yield from movements(provider, start, end)
        yield from (one for one in Charges.more if start <= one.at < end)

    monkeypatch.setattr(Provider, "movements", read)


def test_a_charge_on_a_later_day_reopens_the_day_of_its_generation(
    cloud: Cloud, night: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    made(cloud, "twice")
    made(cloud, "fine")
    day = night(1).isoformat()
    [sums] = cloud.invoke("reconcile", NIGHTLY)["days"]
    assert (sums["adds_up"], sums["is_final"], due()) == (True, True, set())
    charge(cloud, "twice", COST, now() + timedelta(days=5))
    night(6)
    found = {sums["day"]: sums for sums in cloud.invoke("reconcile", NIGHTLY)["days"]}
    assert len(found) == 6, "the five since then, and the one that is reopened"
    assert [row["kind"] for row in rows(found[day])] == ["charged_twice"]
    assert all(sums["adds_up"] for other, sums in found.items() if other != day)
    assert counted(capsys) == [1]
    assert due() == set()
    charge(cloud, "twice", -COST, now() + timedelta(days=7))
    night(8)
    assert {sums["day"]: sums["adds_up"] for sums in cloud.invoke("reconcile", NIGHTLY)["days"]}[day]
    assert counted(capsys) == []
    assert cloud.invoke("reconcile", NIGHTLY) == {"days": []}


class Died(BaseException):
    """The function dies."""


def test_a_run_that_dies_between_any_two_writes_is_completed_by_the_next(
    cloud: Cloud, night: Night, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made(cloud, "twice")
    first = night(1).isoformat()
    cloud.invoke("reconcile", NIGHTLY)
    charge(cloud, "twice", COST, now() + timedelta(days=1))
    night(2)
    call_api: Any = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]  # its one door to AWS
    writes, announced = 0, 0.0
    while True:
        left = writes

        def dying(self: Any, operation: str, given: dict[str, Any]) -> Any:
            nonlocal left
            if operation in ("PutObject", "DeleteObject"):
                if not left:
                    raise Died
                left -= 1
            return call_api(self, operation, given)

        with monkeypatch.context() as patched:
            patched.setattr(botocore.client.BaseClient, "_make_api_call", dying)
            with suppress(Died):
                cloud.invoke("reconcile", NIGHTLY)
                break
        announced += sum(counted(capsys))
        writes += 1
    announced += sum(counted(capsys))
    assert writes > 3
    assert announced >= 1
    assert due() == set()
    [row] = rows(cloud.invoke("reconcile", {"day": first})["days"][0])
    assert (row["kind"], counted(capsys)) == ("charged_twice", [])


def test_a_day_that_is_marked_while_it_is_judged_is_judged_again(
    cloud: Cloud, night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run has read a charge for it meanwhile."""
    day = night(1)
    write, shelf = Reports.write, Shelf(boto3.client("s3"), "videos")

    def marked_meanwhile(reports: Reports, judged: Judged) -> Sums:
        shelf.mark(day, reports.now())
        return write(reports, judged)

    with monkeypatch.context() as patched:
        patched.setattr(Reports, "write", marked_meanwhile)
        assert len(cloud.invoke("reconcile", NIGHTLY)["days"]) == 1
    assert due() == {day.isoformat()}
    assert len(cloud.invoke("reconcile", NIGHTLY)["days"]) == 1
    assert due() == set()


def test_a_file_that_breaks_the_reading_is_discarded(
    cloud: Cloud, night: Night, days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = night(1)
    days.unreadable = {day}
    with pytest.raises(ProviderUnavailable):
        cloud.invoke("reconcile", NIGHTLY)
    assert kept("work/") == {f"work/{day}"}

    def broken(_book: Book, _generations: object) -> None:
        raise sqlite3.DatabaseError

    with monkeypatch.context() as patched:
        patched.setattr(Book, "match", broken)
        days.unreadable = set()
        with pytest.raises(sqlite3.DatabaseError):
            cloud.invoke("reconcile", NIGHTLY)
    assert kept("work/") == set()
    assert len(cloud.invoke("reconcile", NIGHTLY)["days"]) == 1


@pytest.mark.parametrize("step", ["fetch", "mark", "clear"])
def test_two_runs_at_once_have_the_result_of_one(
    cloud: Cloud, night: Night, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], step: str
) -> None:
    """The second run begins and ends while the first one is at this step."""
    made(cloud, "twice")
    made(cloud, "late", charges=[])
    first = night(1).isoformat()
    cloud.invoke("reconcile", NIGHTLY)
    charge(cloud, "twice", COST, now() + timedelta(days=1))
    second = night(2).isoformat()
    method = getattr(Shelf, step)
    is_second = False

    def with_another_run(shelf: Shelf, *given: Any, **options: Any) -> Any:
        nonlocal is_second
        if not is_second:
            is_second = True
            cloud.invoke("reconcile", NIGHTLY)
        return method(shelf, *given, **options)

    monkeypatch.setattr(Shelf, step, with_another_run)
    cloud.invoke("reconcile", NIGHTLY)
    assert is_second
    assert sum(counted(capsys)) >= 2
    assert due() <= {first, second}
    cloud.invoke("reconcile", NIGHTLY)
    assert due() == set()
    reports = {day: cloud.invoke("reconcile", {"day": day})["days"][0] for day in (first, second)}
    assert {row["generation_id"]: row["kind"] for row in rows(reports[first])} == {
        "twice": "charged_twice",
        "late": "not_charged",
    }
    assert reports[second]["adds_up"]
    assert counted(capsys) == []
