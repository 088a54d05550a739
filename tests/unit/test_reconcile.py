"""Compare the provider's charges with the ledger: every difference is reported once, and nothing else."""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest

from core.errors import ProviderUnavailable
from core.provider.account import LoggedCall, Movement
from core.reconciliation.book import Book
from core.reconciliation.day import Reconciliation
from core.reconciliation.line import Kind, Line
from core.reconciliation.own import Own
from core.reconciliation.reading import OutOfTime, hours
from core.reconciliation.shelf import BOOKS, Shelf
from core.records.claim import client_request_id
from local.simulator.control import SimulatorControl
from local.simulator.process import Behaviour
from local.simulator.server import Simulator
from tests.support.account import LATE, NEVER, World, kinds
from tests.support.generations import archived
from tests.support.simulator_client import KEY, Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NIGHT = "2026-11-25 03:20"  # the first night on which the day is reconciled
NEXT_NIGHT = "2026-11-26 03:20"
DAY, NEXT_DAY = "2026-11-24", "2026-11-25"
COST = 5_000_000  # for a video of five seconds at the simulator's price


@pytest.fixture
def world(dynamodb: "DynamoDBClient") -> Iterator[World]:
    boto3.client("s3").create_bucket(Bucket="videos")
    clock = Clock()
    clock.now = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
    with Simulator(Behaviour(keys=[KEY], clock=clock)) as simulator:
        yield World(dynamodb, SimulatorControl(simulator.url), clock)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "books"


def test_expected_charges_add_up(world: World, path: Path) -> None:
    ids = {world.made(f"2026-11-24 {hour}:15") for hour in ("00", "09", "09", "23")}
    lines = world.judged(DAY, NIGHT, path)
    assert kinds(lines) == dict.fromkeys(ids, Kind.ADDS_UP)
    assert {(line.charges, line.charged_credits, line.expected_credits) for line in lines} == {(1, COST, COST)}
    asked = [call.path for call in world.simulator.calls() if "/v2/video" not in call.path]
    assert asked == ["/v2/billing/transactions"] * 28, "one hour per call; the log is read only for unexplained charges"
    assert world.judged(NEXT_DAY, NEXT_NIGHT, path) == [], "it belongs to no other day"


@pytest.mark.parametrize(
    ("charges", "kind", "amount"),
    [
        ([], Kind.NOT_CHARGED, 0),
        ([{}, {"delay": 30}], Kind.CHARGED_TWICE, 2 * COST),
        ([{"times": 1.5}], Kind.OTHER_AMOUNT, COST * 3 // 2),
        ([{"times": 0.5}], Kind.OTHER_AMOUNT, COST // 2),
        ([{"times": 0}], Kind.OTHER_AMOUNT, 0),
        ([{}, {"times": -1, "delay": 30}], Kind.OTHER_AMOUNT, 0),
        ([{}, {"delay": 30}, {"times": -1, "delay": 60}], Kind.ADDS_UP, COST),
        ([{"times": 0.4}, {"times": 0.6}], Kind.ADDS_UP, COST),
        ([{"delay": 3600 * 5}], Kind.ADDS_UP, COST),
    ],
)
def test_each_kind_of_charge_is_classified(
    world: World, path: Path, charges: list[Any], kind: Kind, amount: int
) -> None:
    fine, other = world.made("2026-11-24 09:00"), world.made("2026-11-24 10:00", charges=charges)
    lines = world.judged(DAY, NEXT_NIGHT, path)
    assert kinds(lines) == {fine: Kind.ADDS_UP, other: kind}
    [line] = [line for line in lines if line.generation_id == other]
    assert (line.charged_credits, line.expected_credits) == (amount, COST)
    assert line.credits == abs(amount - COST)


def test_an_unknown_charge_is_reported_with_its_log_row(world: World, path: Path) -> None:
    world.made("2026-11-24 10:00")
    world.at("2026-11-24 11:00")
    by_our_key = world.simulator.charge_others(7_000, model="google/veo3")
    of_the_account = world.simulator.charge_others(8_000, logged=False)
    named = client_request_id("0" * 32, "f" * 32)  # the name that another deployment with the same key would use
    elsewhere = world.provider.create({"model": "veo2", "prompt": "elsewhere"}, named)
    lines = [line for line in world.judged(DAY, NIGHT, path) if line.kind is not Kind.ADDS_UP]
    assert {line.provider_id: (line.kind, line.credits, line.model, line.client_request_id) for line in lines} == {
        by_our_key: (Kind.NOT_OURS, 7_000, "google/veo3", None),
        of_the_account: (Kind.NOT_OURS, 8_000, "google/veo2", None),
        elsewhere: (Kind.NOT_OURS, COST, "google/veo2", named),
    }


def test_in_a_shared_account_only_charges_of_our_key_must_match(world: World, path: Path) -> None:
    world.at("2026-11-24 11:00")
    by_our_key = world.simulator.charge_others(7_000)
    of_the_account = world.simulator.charge_others(8_000, logged=False)
    lines = world.judged(DAY, NIGHT, path, is_shared=True)
    assert kinds(lines) == {by_our_key: Kind.NOT_OURS, of_the_account: Kind.OF_OTHER_KEYS}


@pytest.mark.parametrize(
    ("sent", "lasts"),
    [
        ("2026-11-24 23:59", (90, 95, 0)),  # submitted on one day, done and charged on the next
        ("2026-11-24 23:58", (60, 180, 0)),  # done and charged on the day, noticed on the next
        ("2026-11-24 23:58", (60, 61, 120)),  # done on the day, charged on the next
        ("2026-11-24 23:00", (60, 61, 3600 * 20)),  # charged much later
        ("2026-11-24 01:00", (60, 3600 * 23 + 600, 0)),  # noticed much later
    ],
)
def test_charges_at_the_edges_of_a_day_add_up(
    world: World, path: Path, sent: str, lasts: tuple[float, float, float]
) -> None:
    """`lasts` are the seconds of the generation, until we noticed its end, and of the charge's delay."""
    seconds, noticed, delay = lasts
    one = world.sent(sent, seconds=seconds, charges=[{"delay": delay}])
    world.noticed(one, noticed)
    nights: dict[str, list[Kind]] = {}
    for day, night in ((DAY, NIGHT), (DAY, NEXT_NIGHT), (NEXT_DAY, NEXT_NIGHT), (NEXT_DAY, "2026-11-27 03:20")):
        nights.setdefault(day, []).extend(line.kind for line in world.judged(day, night, path))
    said = [kind for kinds_of_day in nights.values() for kind in kinds_of_day]
    assert set(said) <= {Kind.ADDS_UP, Kind.WAITING}
    assert len({day for day, found in nights.items() if Kind.ADDS_UP in found}) == 1, "its charge belongs to one day"


def test_a_charge_is_reported_missing_only_after_a_wait(world: World, path: Path) -> None:
    one = world.made("2026-11-24 12:00", charges=[{"delay": 3600 * 30}])
    assert kinds(world.judged(DAY, NIGHT, path)) == {one: Kind.WAITING}
    assert kinds(world.judged(DAY, "2026-11-25 12:00", path)) == {one: Kind.WAITING}
    assert kinds(world.judged(DAY, "2026-11-25 12:02", path)) == {one: Kind.NOT_CHARGED}
    assert kinds(world.judged(DAY, NEXT_NIGHT, path)) == {one: Kind.ADDS_UP}, "it is recognised when it arrives"
    assert world.judged(NEXT_DAY, NEXT_NIGHT, path) == [], "it belongs to the day of its generation"


def test_charges_on_other_days_count_on_the_day_of_their_generation(world: World, path: Path) -> None:
    one = world.made("2026-11-24 12:00", charges=[{}, {"delay": 3600 * 20}])
    edge = world.made("2026-11-24 23:58", charges=[{}, {"delay": 120}])
    assert kinds(world.judged(DAY, "2026-11-25 00:30", path)) == {one: Kind.ADDS_UP, edge: Kind.CHARGED_TWICE}
    assert kinds(world.judged(DAY, NEXT_NIGHT, path)) == {one: Kind.CHARGED_TWICE, edge: Kind.CHARGED_TWICE}
    assert world.judged(NEXT_DAY, NEXT_NIGHT, path) == []
    assert world.strays(NEXT_DAY, path) == [date.fromisoformat(DAY)]


@pytest.mark.parametrize(
    ("charges", "at_first", "at_last"),
    [
        ([{}, {"delay": 86400 * 10}], Kind.ADDS_UP, Kind.CHARGED_TWICE),
        ([{"times": 2}, {"times": -1, "delay": 86400 * 10}], Kind.OTHER_AMOUNT, Kind.ADDS_UP),
        ([{}, {"delay": 30}, {"times": -1, "delay": 86400 * 10}], Kind.CHARGED_TWICE, Kind.ADDS_UP),
        ([{}, {"times": -1, "delay": 86400 * 10}], Kind.ADDS_UP, Kind.OTHER_AMOUNT),
        ([{"times": 0.4}, {"times": 0.6, "delay": 86400 * 10}], Kind.WAITING, Kind.ADDS_UP),
    ],
)
def test_charges_and_refunds_are_found_by_the_providers_id_whenever_they_come(
    world: World, path: Path, charges: list[Any], at_first: Kind, at_last: Kind
) -> None:
    """Also in a shared account, where a charge of a stranger is no finding."""
    one = world.made("2026-11-24 12:00", charges=charges)
    assert kinds(world.judged(DAY, NIGHT, path, is_shared=True)) == {one: at_first}
    later = "2026-12-04"
    assert world.judged(later, "2026-12-05 03:20", path, is_shared=True) == [], "it is no stranger"
    assert world.strays(later, path) == [date.fromisoformat(DAY)]
    assert kinds(world.judged(DAY, "2026-12-05 03:20", path, is_shared=True)) == {one: at_last}


@pytest.mark.parametrize("error", ["Cancelled", "GenerationFailed"])
def test_refunds_of_jobs_without_a_video_count_whenever_they_come(world: World, path: Path, error: str) -> None:
    charges: list[Any] = [{}, {"times": -1, "delay": 86400 * 3}]
    one = world.ended(world.sent("2026-11-24 10:00", charges=charges), error).generation_id
    first = Kind.UNKNOWN_AMOUNT if error == "Cancelled" else Kind.OTHER_AMOUNT
    assert kinds(world.judged(DAY, NIGHT, path)) == {one: first}
    assert world.judged("2026-11-27", "2026-11-28 03:20", path) == []
    assert world.strays("2026-11-27", path) == [date.fromisoformat(DAY)]
    last = {} if error == "Cancelled" else {one: Kind.ADDS_UP}
    assert kinds(world.judged(DAY, "2026-11-28 03:20", path)) == last


def test_two_accepted_calls_for_one_generation_are_charged_twice(world: World, path: Path) -> None:
    """This must never happen: the provider's ids differ, and the calls' names identify the generation."""
    one = world.sent("2026-11-24 10:00")
    again = world.provider.create(one.request, client_request_id(one.generation_id, "a" * 32))
    world.noticed(one)
    [line] = world.judged(DAY, NIGHT, path)
    assert (line.kind, line.generation_id, line.charges) == (Kind.CHARGED_TWICE, one.generation_id, 2)
    assert again != one.provider_id


@pytest.mark.parametrize("error", ["Cancelled", "GenerationTimedOut"])
def test_a_timed_out_job_that_the_provider_had_is_ours(world: World, path: Path, error: str) -> None:
    one = world.ended(world.sent("2026-11-24 10:00"), error)
    assert kinds(world.judged(DAY, NIGHT, path)) == {one.generation_id: Kind.UNKNOWN_AMOUNT}


def test_the_log_is_read_backwards_from_a_charge_to_its_call(world: World, path: Path) -> None:
    one = world.ended(world.sent("2026-11-24 10:50", charges=[{"delay": 3600 * 4}]))
    assert kinds(world.judged(DAY, NIGHT, path)) == {one.generation_id: Kind.UNKNOWN_AMOUNT}


def test_a_refunded_unknown_charge_is_not_reported(world: World, path: Path) -> None:
    world.at("2026-11-24 10:00")
    world.simulator.script("elsewhere", seconds=60, charges=[{}, {"times": -1, "delay": 60}])
    world.provider.create({"model": "veo2", "prompt": "elsewhere"}, "another")
    assert world.judged(DAY, NIGHT, path) == []


def test_a_charge_for_a_failed_job_is_reported(world: World, path: Path) -> None:
    one = world.ended(world.sent("2026-11-24 10:00"), "GenerationFailed")
    assert kinds(world.judged(DAY, NIGHT, path)) == {one.generation_id: Kind.OTHER_AMOUNT}


def test_a_call_with_a_lost_response_is_ours_by_its_name(world: World, path: Path) -> None:
    world.at("2026-11-24 10:00")
    one = world.sent("2026-11-24 10:00")
    world.ledger.table.update(one.generation_id, {}, remove=("provider_id",))
    assert kinds(world.judged(DAY, NIGHT, path)) == {one.generation_id: Kind.UNKNOWN_AMOUNT}


@pytest.mark.parametrize(("times", "kind"), [(1, Kind.ADDS_UP), (2, Kind.OTHER_AMOUNT)])
def test_the_remains_of_a_deleted_generation_are_enough(world: World, path: Path, times: float, kind: Kind) -> None:
    """Its charge may arrive after it was deleted."""
    one = world.sent("2026-11-24 10:00", charges=[{"times": times, "delay": 600}])
    world.noticed(one)
    world.ledger.complete(one.run, archived(one.generation_id), world.now())
    world.ledger.delete(world.announced(one))
    assert kinds(world.judged(DAY, NIGHT, path)) == {one.generation_id: kind}
    cancelled = world.ended(world.sent("2026-11-24 12:00"))
    world.ledger.delete(cancelled)
    said = kinds(world.judged(DAY, NIGHT, path))
    assert said == {one.generation_id: kind, cancelled.generation_id: Kind.UNKNOWN_AMOUNT}


def test_a_missing_charge_of_a_deleted_generation_is_reported(world: World, path: Path) -> None:
    one = world.sent("2026-11-24 10:00", charges=[])
    world.noticed(one)
    world.ledger.complete(one.run, archived(one.generation_id), world.now())
    world.ledger.delete(world.announced(one))
    assert kinds(world.judged(DAY, NEXT_NIGHT, path)) == {one.generation_id: Kind.NOT_CHARGED}


def test_a_generation_rescued_days_later_was_charged_on_its_day(world: World, path: Path) -> None:
    one = world.ended(world.sent("2026-11-20 10:00"), "ProviderUnavailable")
    world.at("2026-11-24 09:00")
    assert world.ledger.reopen(one, one.provider_id)
    world.noticed(world.ledger.get(one.generation_id))
    assert kinds(world.judged(DAY, NIGHT, path)) == {one.generation_id: Kind.ADDS_UP}
    assert world.judged("2026-11-20", NIGHT, path) == [], "it belongs to the day on which it was done"


def test_a_free_generation_needs_no_charge(world: World, path: Path) -> None:
    one = world.sent("2026-11-24 10:00", charges=[])
    world.ledger.provider_finished(one.run, {"url": "https://x/"}, 0)
    assert world.judged(DAY, NEXT_NIGHT, path) == []


def test_after_a_key_rotation_the_ledger_is_enough_without_the_log(world: World, path: Path) -> None:
    late = world.made("2026-11-23 23:50", charges=[{"delay": 3600}], logged="never")
    one = world.made("2026-11-24 10:00", logged="never")
    assert kinds(world.judged(DAY, NIGHT, path)) == {one: Kind.ADDS_UP}
    assert kinds(world.judged("2026-11-23", NIGHT, path)) == {late: Kind.ADDS_UP}


def test_an_unfinished_day_is_reconciled_so_far(world: World, path: Path) -> None:
    one, other = world.made("2026-11-24 10:00"), world.made("2026-11-24 10:58:30", charges=[])
    assert kinds(world.judged(DAY, "2026-11-24 11:00", path)) == {one: Kind.ADDS_UP, other: Kind.WAITING}
    assert kinds(world.judged(DAY, "2026-11-24 11:00:30", path)) == {one: Kind.ADDS_UP, other: Kind.WAITING}


def test_the_current_hour_is_read_again_and_counted_once(world: World, path: Path) -> None:
    world.made("2026-11-24 10:00", charges=[{}, {"delay": 90}])
    for minute, kind, charges in ((2, Kind.ADDS_UP, 1), (3, Kind.CHARGED_TWICE, 2)):
        [line] = world.judged(DAY, f"2026-11-24 10:{minute:02}", path)
        assert (line.kind, line.charges) == (kind, charges)


def test_a_report_does_not_claim_to_have_charges_that_may_still_be_entered(world: World, path: Path) -> None:
    """Otherwise such a charge, entered a moment later with an earlier time, would not reopen the day."""
    path.mkdir()
    for time, read_until in (("2026-11-25 03:20", "2026-11-25 03:15"), ("2026-11-27 03:20", "2026-11-26 00:00")):
        world.at(time)
        judged = world.reconciliation().judge(date.fromisoformat(DAY), path, NEVER)
        assert list(judged.lines) == []
        assert f"{judged.read_until:%Y-%m-%d %H:%M}" == read_until
        (path / "sheet").unlink()


def test_all_pages_of_an_hour_are_read(world: World, path: Path) -> None:
    world.at("2026-11-24 10:00")
    others = {world.simulator.charge_others(number + 1) for number in range(120)}
    lines = world.judged(DAY, NIGHT, path)
    assert kinds(lines) == dict.fromkeys(others, Kind.NOT_OURS)
    assert sum(line.credits for line in lines) == 120 * 121 // 2
    assert world.slept.count(0.5) == 1, "pauses between pages of the log: others call it as well"


@pytest.mark.parametrize("status", [429, 500, 401])
def test_an_unreadable_hour_is_read_again_from_its_start(world: World, path: Path, status: int) -> None:
    world.at("2026-11-24 10:00")
    others = {world.simulator.charge_others(10) for _ in range(120)}
    normal: list[Any] = [None] * 12
    world.simulator.script_transactions(*normal, {"status": status}, {"garbage": True}, {"truncate": True})
    lines = world.judged(DAY, NIGHT, path)
    assert kinds(lines) == dict.fromkeys(others, Kind.NOT_OURS)
    assert {line.credits for line in lines} == {10}, "no page is counted twice"
    assert [pause for pause in world.slept if pause > 1] == [5, 20, 60]


def test_an_unavailable_provider_gives_no_report(world: World, path: Path) -> None:
    world.made("2026-11-24 10:00")
    world.simulator.script_transactions({"status": 503, "repeat": True})
    with pytest.raises(ProviderUnavailable):
        world.judged(DAY, NIGHT, path)


def test_an_interrupted_run_continues_with_the_same_result(world: World, path: Path) -> None:
    for hour in range(24):
        world.made(f"2026-11-24 {hour:02}:30", charges=[{"delay": 1800}] if hour % 3 else [])
        world.simulator.charge_others(hour + 1)
    whole = world.judged(DAY, NEXT_NIGHT, path)
    asked = len(world.simulator.calls())
    runs = 0

    def now() -> datetime:
        world.clock.now += 0.5
        return world.now()

    shelf = Shelf(boto3.client("s3"), "videos")
    shelf.s3.delete_object(Bucket="videos", Key=f"{BOOKS}{DAY}")
    path.mkdir()
    while True:
        how = replace(world.reconciliation(), now=now)
        runs += 1
        with suppress(OutOfTime):
            until = world.now() + timedelta(seconds=10)
            found = list(how.judge(date.fromisoformat(DAY), path, until).lines)
            break
        (path / "sheet").unlink()
    assert found == whole
    assert runs > 1
    assert len(world.simulator.calls()) < 3 * asked, "hours that were read are not read again"
    assert [day.isoformat() for day in shelf.days()] == [DAY, NEXT_DAY]


class BigDay:
    """A provider with thousands of charges in each hour, and a table that contains every charge."""

    def __init__(self, an_hour: int) -> None:
        self.an_hour = an_hour

    def movements(self, start: datetime, _end: datetime) -> Iterator[Movement]:
        for number in range(self.an_hour):
            at = start + timedelta(seconds=3600 * number / self.an_hour)
            yield Movement(at, "MODEL_USAGE", 7, f"{start:%d%H}-{number}:veo2", "google/veo2")

    def log(self, start: datetime, _end: datetime) -> Iterator[LoggedCall]:
        for number in range(self.an_hour):
            yield LoggedCall(f"{start:%d%H}-{number}:veo2", False, f"{number:032x}.{number:032x}")

    def done_on(self, _table: object, day: date) -> Iterator[Own]:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for hour in hours(start, start + timedelta(days=1)):
            for number in range(0, self.an_hour, 2):  # nothing is known about the others
                done = hour + timedelta(minutes=number % 60)
                yield Own(f"{hour:%d%H}{number:028x}", f"{hour:%d%H}-{number}:veo2", 7, done, done)


class NoShelf:
    """A shelf that keeps nothing."""

    def days(self) -> list[date]:
        return []

    def fetch(self, _day: date, path: Path, read: Callable[[Book], None], *, again: bool) -> None:  # noqa: ARG002
        book = Book(path)
        read(book)
        book.close()


@pytest.mark.exhaustive
def test_a_day_with_many_charges_needs_little_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    big = BigDay(1_000)
    for module in ("day", "reading"):
        monkeypatch.setattr(f"core.reconciliation.{module}.done_on", big.done_on)
        monkeypatch.setattr(f"core.reconciliation.{module}.known", lambda _table, _ids: iter(()))
    monkeypatch.setattr("core.reconciliation.reading.with_provider_ids", lambda _table, _ids: iter(()))
    nothing: Any = None
    late_enough = datetime(2026, 11, 26, 4, tzinfo=UTC)
    how = Reconciliation(
        cast("Any", big), nothing, cast("Any", NoShelf()), LATE, False, lambda: late_enough, lambda _: None
    )
    path.mkdir()
    tracemalloc.start()
    counts: dict[Kind, int] = {}
    for line in how.judge(date(2026, 11, 24), path, NEVER).lines:
        counts[line.kind] = counts.get(line.kind, 0) + 1
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert counts == {Kind.ADDS_UP: 12_000, Kind.NOT_OURS: 12_000}
    assert most < 1 << 20


def test_a_line_contains_its_amount() -> None:
    line = Line(Kind.NOT_CHARGED, "", "g", expected_credits=7)
    assert line.credits == 7
