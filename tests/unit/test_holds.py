"""Test that each generation's hold is opened once, closed once, and given back where it was counted."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import BudgetExceeded
from core.generation import BatchRow, Failure, Label, Status
from core.hold import Hold
from core.money.budgets import ALL, Limits, scope_of
from core.records.table import ConditionFailed
from core.workflow import Run
from tests.support.generations import archived, claimed
from tests.support.money import TODAY, TOMORROW, USD, Bank

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BEFORE_MIDNIGHT = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)  # also the end of the month


@pytest.fixture
def bank(dynamodb: "DynamoDBClient") -> Bank:
    return Bank(dynamodb, Limits(day=10 * USD))


def test_a_hold_remembers_where_it_was_counted(bank: Bank) -> None:
    bank.accept("g1", 5, key_line="k1")
    periods = {"2026-01-01": 5 * USD, "2026-01": 5 * USD}
    scopes = [ALL, scope_of("ann"), scope_of(key_line="k1")]
    assert bank.ledger.get("g1").hold == Hold(scopes, 5 * USD, dict.fromkeys(scopes, periods))


@pytest.mark.parametrize("limits", [Limits(day=10 * USD), Limits(month=10 * USD), Limits(hour=1)], ids=repr)
def test_two_requests_that_read_the_same_room_do_not_both_get_it(bank: Bank, limits: Limits) -> None:
    """Both are in periods that have begun, so their updates do not depend on each other otherwise."""
    bank.accounts.budgets.set(ALL, {"day": None, "hour": 0})
    with pytest.raises(BudgetExceeded):
        bank.accept("g0")
    bank.accounts.budgets.set(ALL, {"hour": None})
    bank.accept("g1", 0)
    bank.accounts.budgets.set(ALL, {"day": limits.day, "month": limits.month, "hour": limits.hour and 2})
    with bank.interrupted(lambda: bank.accept("g2", 6)), pytest.raises(BudgetExceeded):
        bank.accept("g3", 6)
    assert bank.spent() == (6, 6, 2)


def test_an_amount_held_as_the_month_ends_is_given_back(bank: Bank) -> None:
    """The transaction conflicts before midnight, and succeeds after it."""
    bank.clock.time = BEFORE_MIDNIGHT
    bank.accept("g0", 1)

    def next_month() -> None:
        bank.clock.forward(2)
        bank.accept("g1", 1)

    with bank.interrupted(next_month):
        bank.accept("g2", 5)
    assert bank.spent() == (6, 6, 2)
    bank.fail("g2")
    assert bank.spent() == (1, 1, 2)
    assert bank.adds_up("g0", "g1", "g2")


def test_an_amount_held_by_a_slow_clock_after_midnight_is_given_back(bank: Bank) -> None:
    bank.clock.time = BEFORE_MIDNIGHT
    bank.clock.forward(2)
    bank.accept("g1", 1)
    bank.clock.forward(-2)
    bank.accept("g2", 5)
    assert bank.spent() == (6, 6, 2), "the day has begun for everybody"
    bank.fail("g2")
    assert bank.spent() == (1, 1, 2)


def test_nothing_is_given_back_to_a_day_that_has_just_begun(bank: Bank) -> None:
    """The scope moves on to the new day between the read and the write."""
    bank.accept("g1", 5)

    def next_day() -> None:
        bank.clock.forward(86400)
        bank.accept("g2", 3)

    with bank.interrupted(next_day):
        bank.fail("g1")
    assert bank.spent() == (3, 3, 1)
    assert bank.adds_up("g1", "g2")


def test_an_amount_is_given_back_where_each_part_was_counted(bank: Bank) -> None:
    """Two dollars are held today, three more are charged tomorrow, and an operator finds that it was only one."""
    bank.accept("g1", 2)
    claimed(bank.ledger, Run("g1")).submitted("p1")
    bank.clock.forward(86400)
    bank.ledger.provider_finished(Run("g1"), {"url": "x"}, 5 * USD)
    bank.fail("g1", "VideoUnavailable")
    assert bank.spent() == (3, 5, 0)
    bank.ledger.reopen(bank.ledger.get("g1"), "p1")
    bank.ledger.provider_finished(bank.ledger.get("g1").run, {"url": "x"}, 1 * USD)
    bank.fail("g1", "VideoUnavailable")
    assert bank.spent() == (0, 1, 0)
    assert bank.adds_up("g1")


def test_an_open_hold_is_not_opened_again(bank: Bank) -> None:
    bank.accept("g1", 5)
    bank.ledger.fail(Run("g1"), Failure("Cancelled", "by its owner"))
    assert not bank.retry("g1")
    assert bank.spent() == (5, 5, 1)
    bank.announce("g1")
    assert bank.retry("g1")
    assert bank.spent() == (5, 5, 2)
    bank.fail("g1", "Cancelled")
    assert bank.spent() == (0, 0, 2)


def test_a_hold_that_was_closed_after_it_was_read_is_not_opened_as_it_was(bank: Bank) -> None:
    """The announcement is between the read and the write of a retry."""
    bank.accept("g1", 5)
    bank.ledger.fail(Run("g1"), Failure("Cancelled", "by its owner"))
    read_before = bank.ledger.get("g1")
    bank.announce("g1")
    assert not bank.ledger.reopen(read_before, None, opening=bank.accounts.opening(read_before, None))
    assert bank.retry("g1")
    bank.make("g1", 2)
    assert bank.spent() == (2, 2, 2)
    assert bank.sums() == [("2026-01-01", "veo2", 1, 0, 2)], "it did not fail"
    assert bank.errors() == {}


def test_two_retries_at_once_open_one_hold(bank: Bank) -> None:
    bank.accept("g1", 5)
    bank.fail("g1", "Cancelled")
    with bank.interrupted(lambda: bank.retry("g1")):
        assert not bank.retry("g1")
    assert bank.spent() == (5, 5, 2)
    assert bank.ledger.get("g1").rescues == 1


def test_two_announcements_at_once_close_one_hold(bank: Bank) -> None:
    bank.accept("g1", 5)
    with bank.interrupted(lambda: bank.announce("g1")):
        bank.fail("g1")
    assert bank.spent() == (0, 0, 1)
    assert bank.sums() == [("2026-01-01", "veo2", 0, 1, 0)]


def test_a_late_announcement_does_not_close_the_next_hold(bank: Bank) -> None:
    bank.accept("g1", 5)
    bank.ledger.fail(Run("g1"), Failure("Cancelled", "by its owner"))
    late = bank.ledger.get("g1")
    bank.announce("g1")
    bank.retry("g1")
    bank.ledger.announced(late, bank.accounts.closing(late))
    assert bank.spent() == (5, 5, 2)
    bank.ledger.fail(Run("g1", 1), Failure("SubmissionUnknown", "lost"))
    bank.ledger.announced(late, bank.accounts.closing(late))
    assert bank.spent() == (5, 5, 2)
    assert bank.ledger.get("g1").announced_at is None


def test_a_retry_that_lost_its_answer_opens_one_hold(bank: Bank) -> None:
    bank.accept("g1", 5)
    bank.fail("g1", "Cancelled")
    table: Any = bank.dynamodb
    original = table.transact_write_items
    table.transact_write_items = lambda **asked: (original(**asked), original(**asked))[1]
    try:
        assert bank.retry("g1")
    finally:
        table.transact_write_items = original
    assert bank.spent() == (5, 5, 2)


def test_a_retry_without_room_leaves_the_hold_closed(bank: Bank) -> None:
    bank.accept("g1", 6)
    bank.fail("g1", "Cancelled")
    bank.accept("g2", 6)
    with pytest.raises(BudgetExceeded):
        bank.retry("g1")
    assert bank.ledger.get("g1").status is Status.ERROR
    assert bank.spent() == (6, 6, 2)


def test_a_retry_with_another_key_counts_for_that_key(bank: Bank) -> None:
    bank.accept("g1", 5, key_line="k1")
    bank.fail("g1", "Cancelled")
    bank.retry("g1", "k2")
    bank.make("g1", 7)
    assert bank.spent(scope_of(key_line="k1")) == (0, 0, 1)
    assert bank.spent(scope_of(key_line="k2")) == (7, 7, 1)
    assert bank.adds_up("g1")


@pytest.mark.parametrize("announced", ["before", "during", "after"])
def test_a_job_cancelled_during_a_call_that_is_rejected_costs_nothing(bank: Bank, announced: str) -> None:
    bank.accept("g1", 5)
    claim = claimed(bank.ledger, Run("g1"))
    bank.ledger.fail(Run("g1"), Failure("Cancelled", "by its owner"))
    if announced == "before":
        bank.announce("g1")
        assert bank.spent() == (5, 5, 1), "the provider may have it"
    if announced == "during":
        with bank.interrupted(claim.clear):
            bank.announce("g1")
    else:
        claim.clear()
    ended = bank.ledger.get("g1")
    assert (ended.status, ended.submission, ended.announced_at) == (Status.ERROR, None, None)
    assert "g1" in {*bank.watched(61)}, "the sweep announces it"
    bank.announce("g1")
    assert bank.spent() == (0, 0, 1)
    assert bank.sums() == [("2026-01-01", "veo2", 0, 1, 0)]
    with pytest.raises(ConditionFailed):
        claim.clear()


def test_what_an_operator_rescues_holds_nothing_until_it_is_charged(bank: Bank) -> None:
    bank.accept("g1", 5)
    bank.fail("g1", "SubmissionTimedOut")
    bank.ledger.reopen(bank.ledger.get("g1"), None)
    assert bank.spent() == (0, 0, 1)
    bank.make("g1", 2)
    assert bank.spent() == (2, 2, 1)


def edit(bank: Bank, name: str, revision: int, *tags: str) -> None:
    """Send the file of the batch again with other tags in a row."""
    bank.ledger.found_in(bank.ledger.get(name), BatchRow("b" * 32, 1, revision), Label(tags=tags))


def test_a_tag_that_was_edited_between_failure_and_rescue_moves_in_the_sums(bank: Bank) -> None:
    bank.accept("g1", 5, tags=["draft", "acme"], batch_id="b" * 32, row_number=1, revision=1)
    claimed(bank.ledger, Run("g1")).submitted("p1")
    bank.fail("g1", "VideoUnavailable")
    edit(bank, "g1", 2, "final", "acme")
    bank.ledger.reopen(bank.ledger.get("g1"), "p1")
    run = bank.ledger.get("g1").run
    bank.ledger.provider_finished(run, {"url": "x"}, 3 * USD)
    bank.ledger.complete(run, archived("g1"), bank.clock.time)
    bank.announce("g1")
    assert bank.sums("tag") == [("2026-01-01", "acme", 1, 0, 3), ("2026-01-01", "final", 1, 0, 3)]
    assert bank.sums() == [("2026-01-01", "veo2", 1, 0, 3)]


def test_a_retry_with_another_key_moves_the_cost_to_that_key(bank: Bank) -> None:
    bank.accept("g1", 5, key_line="k1")
    bank.fail("g1", "SubmissionTimedOut")
    assert bank.sums("key") == [("2026-01-01", "k1", 0, 1, 0)]
    assert bank.retry("g1", "k2")
    bank.make("g1", 3)
    assert bank.sums("key") == [("2026-01-01", "k2", 1, 0, 3)]


def test_a_generation_that_was_not_counted_by_key_is_not_subtracted_from_one(bank: Bank) -> None:
    """It ended before costs were counted by key."""
    bank.accept("g1", 5, key_line="k1")
    bank.fail("g1", "SubmissionTimedOut")
    item = bank.ledger.table.get("g1")
    assert item
    del item["hold"]["counted"]["key"]
    bank.ledger.table.update("g1", {"hold": item["hold"]})
    bank.accept("g2", 5, key_line="k1")
    bank.make("g2", 2)
    assert bank.retry("g1", "k1")
    bank.make("g1", 3)
    assert bank.sums("key") == [("2026-01-01", "k1", 2, 1, 5)]


def test_long_tags_that_share_a_sum_count_there_once(bank: Bank) -> None:
    bank.accept("g1", 5, tags=["x" * 200 + "a", "x" * 200 + "b"])
    bank.make("g1", 2)
    assert bank.sums("tag") == [("2026-01-01", "x" * 200, 1, 0, 2)]


def test_a_rejected_request_counts_as_failed_and_holds_nothing(bank: Bank) -> None:
    new = replace(bank.accept("g0", 0), generation_id="g1", cost=None, hold=None)
    bank.ledger.add_failed(new, Failure("InvalidRequest", "no"))
    bank.announce("g1")
    assert bank.spent() == (0, 0, 1)
    assert bank.sums() == [("2026-01-01", "veo2", 0, 1, 0)]


class Life:
    """Generations that are accepted, fail, are retried, rescued and completed in any order, for weeks."""

    def __init__(self, bank: Bank, seed: int) -> None:
        self.bank, self.random = bank, random.Random(seed)
        self.names: list[str] = []

    def step(self) -> None:
        bank, chance = self.bank, self.random
        bank.clock.forward(chance.choice([1, 600, 3600, 30_000, 86_400]))
        todo = [self.accept, self.end, self.end, self.reopen, self.edit, self.relabel, self.announce]
        if chance.random() < 0.3:
            with bank.interrupted(chance.choice(todo)):
                chance.choice(todo)()
        else:
            chance.choice(todo)()

    def any(self, *, ended: bool) -> str | None:
        found = [name for name in self.names if self.bank.ledger.get(name).status.ended is ended]
        return self.random.choice(found) if found else None

    def accept(self) -> None:
        name = f"g{self.random.getrandbits(64)}"
        key, tags = self.random.choice([None, "k1", "k2"]), self.random.sample(["a", "b", "c"], 2)
        in_batch: dict[str, Any] = (
            {"batch_id": "b" * 32, "row_number": 1, "revision": 1} if self.random.random() < 0.5 else {}
        )
        self.bank.accept(name, self.random.randint(0, 9), key_line=key, tags=tags, **in_batch)
        self.names.append(name)

    def end(self) -> None:
        if (name := self.any(ended=False)) is None:
            return
        run, bank = self.bank.ledger.get(name).run, self.bank
        if bank.ledger.get(name).submission is None and self.random.random() < 0.7:
            claimed(bank.ledger, run).submitted(name)
        if bank.ledger.get(name).provider_id and self.random.random() < 0.7:
            bank.ledger.provider_finished(run, {"url": "x"}, self.random.randint(0, 12) * USD)
        if bank.ledger.get(name).status is Status.ARCHIVING and self.random.random() < 0.5:
            bank.ledger.complete(run, archived(name), bank.clock.time)
        else:
            bank.ledger.fail(run, Failure("VideoUnavailable", "no"))

    def relabel(self) -> None:
        """Change the tags as the owner."""
        if name := self.any(ended=self.random.random() < 0.5):
            found = self.bank.ledger.get(name)
            self.bank.ledger.relabel(found, None, self.random.sample(["a", "b", "c", "d"], self.random.randint(0, 3)))

    def announce(self) -> None:
        if name := self.any(ended=True):
            self.bank.announce(name)

    def reopen(self) -> None:
        if (name := self.any(ended=True)) is None:
            return
        failed = self.bank.ledger.get(name)
        if failed.provider_id or self.random.random() < 0.3:
            self.bank.ledger.reopen(failed, failed.provider_id)
        else:
            self.bank.retry(name, self.random.choice([None, "k1", "k2"]))

    def edit(self) -> None:
        if self.names:
            edit(self.bank, self.random.choice(self.names), self.random.randint(2, 99), self.random.choice("abcd"))


@pytest.mark.parametrize("seed", range(6))
def test_budgets_and_sums_always_equal_the_records(dynamodb: "DynamoDBClient", seed: int) -> None:
    bank = Bank(dynamodb, Limits())
    life = Life(bank, seed)
    for _ in range(50):
        life.step()
        assert bank.adds_up(*life.names)
    records = [bank.ledger.get(name) for name in life.names]
    for record in records:
        if not record.status.ended:
            bank.fail(record.generation_id, "WorkflowStopped")
        elif not record.announced_at:
            bank.announce(record.generation_id)
    assert bank.adds_up(*life.names)
    by_tag: Counter[str] = Counter()
    by_key: Counter[str] = Counter()
    for name in life.names:
        record = bank.ledger.get(name)
        assert record.hold
        assert record.hold.counted
        assert record.hold.credits == record.hold.counted.credits == record.charged, "nothing is held any more"
        by_tag.update(dict.fromkeys(record.hold.counted.tags, record.charged))
        by_key[record.hold.key_line] += record.charged
    usage = bank.accounts.usage
    found: Counter[str] = Counter()
    for one in usage.of("ann", "tag", TODAY, TOMORROW.replace(year=2027)):
        assert min(one.completed, one.failed, one.credits, *one.errors.values(), 0) == 0
        found[one.which] += one.credits
    assert found == by_tag
    keys = list(usage.of("ann", "key", TODAY, TOMORROW.replace(year=2027)))
    assert sum(one.completed + one.failed for one in keys) == len(life.names)
    assert {one.which: sum(each.credits for each in keys if each.which == one.which) for one in keys} == dict(by_key)
    models = list(usage.of("ann", "model", TODAY, TOMORROW.replace(year=2027)))
    assert sum(one.completed + one.failed for one in models) == len(life.names)
