"""Test that budgets are never exceeded, unused money is released, and each generation is counted once."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import BudgetExceeded, Deleted
from core.generation import Source, Status
from core.hold import Hold
from core.money.budgets import ALL, Limits, renewal, scope_of
from core.records.ledger import IS_NEW
from core.records.table import ConditionFailed, Together
from core.workflow import Run
from tests.support.generations import archived, claimed, generation
from tests.support.money import TODAY, USD, Bank, circuit

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def bank(dynamodb: "DynamoDBClient") -> Bank:
    return Bank(dynamodb, Limits(day=10 * USD))


def test_a_request_within_budget_is_held_and_another_is_rejected_unrecorded(bank: Bank) -> None:
    for number in range(10):
        bank.accept(f"g{number}")
    with pytest.raises(BudgetExceeded, match=r"10\.00 USD a day of this deployment .* renews at 2026-01-02T00:00Z"):
        bank.accept("g10", 0.01)
    assert not bank.ledger.is_known("g10")
    assert bank.spent() == (10, 10, 10)
    assert bank.spent(scope_of("ann")) == (10, 10, 10)


def test_a_repeated_request_finds_its_generation_although_the_budget_is_full(bank: Bank) -> None:
    first = bank.accept("g1", 10)
    assert bank.accept("g1", 10) == first
    assert bank.spent() == (10, 10, 1)


def test_a_deleted_generations_id_stays_used_although_the_budget_is_full(bank: Bank) -> None:
    bank.accept("g1", 10)
    bank.make("g1", 10)
    bank.ledger.delete(bank.ledger.get("g1"))
    with pytest.raises(Deleted):
        bank.accept("g1", 10)


def test_the_difference_to_the_actual_cost_is_released_or_counted(bank: Bank) -> None:
    bank.accept("g1", 5)
    bank.make("g1", 2)
    assert bank.spent() == (2, 2, 1)
    bank.accept("g2", 5)
    bank.make("g2", 7.5)
    assert bank.spent() == (9.5, 9.5, 2)


@pytest.mark.parametrize("error", ["GenerationFailed", "RequestRefused", "Cancelled"])
def test_an_uncharged_amount_is_released_completely(bank: Bank, error: str) -> None:
    bank.accept("g1", 5)
    bank.fail("g1", error)
    assert bank.spent() == (0, 0, 1)
    assert bank.sums() == [("2026-01-01", "veo2", 0, 1, 0)]
    assert bank.errors() == {error: 1}


def test_errors_are_counted_by_model_tag_batch_and_owner(bank: Bank) -> None:
    for name, error in (("g1", "GenerationFailed"), ("g2", "RequestRefused"), ("g3", "GenerationFailed")):
        bank.accept(name, tags=["draft"], batch_id="b" * 32)
        bank.fail(name, error)
    bank.accept("g4")
    bank.make("g4")
    usage, why = bank.accounts.usage, {"GenerationFailed": 2, "RequestRefused": 1}
    [batch] = usage.of_batches("ann")
    assert bank.errors() == bank.errors("tag") == batch.errors == why
    assert [one.errors for one in usage.of_owners(TODAY, TODAY)] == [why]


def test_an_amount_that_the_provider_may_charge_stays_held(bank: Bank) -> None:
    bank.accept("g1", 5)
    claimed(bank.ledger, Run("g1")).submitted("p1")
    bank.fail("g1", "GenerationTimedOut")
    assert bank.spent() == (5, 5, 1)
    assert bank.sums() == [("2026-01-01", "veo2", 0, 1, 5)]


def test_without_a_reported_charge_the_estimate_counts(bank: Bank) -> None:
    bank.accept("g1", 5)
    bank.make("g1", None)
    assert bank.spent() == (5, 5, 1)


def test_a_generation_counts_once_however_often_its_end_is_noted(bank: Bank) -> None:
    bank.accept("g1", 5, tags=["client=acme", "client=acme", "draft"], batch_id="b" * 32)
    bank.make("g1", 2)
    stale = replace(bank.ledger.get("g1"), announced_at=None, hold=Hold([ALL, scope_of("ann")]))
    bank.ledger.announced(stale, bank.accounts.closing(stale))
    assert bank.spent() == (2, 2, 1)
    assert bank.sums() == [("2026-01-01", "veo2", 1, 0, 2)]
    assert bank.sums("tag") == [("2026-01-01", "client=acme", 1, 0, 2), ("2026-01-01", "draft", 1, 0, 2)]
    assert [one.credits for one in bank.accounts.usage.of_batches("ann")] == [2 * USD]
    assert [(one.which, one.credits) for one in bank.accounts.usage.of_owners(TODAY, TODAY)] == [("ann", 2 * USD)]
    assert bank.sums(owner="bob") == []


def test_owners_with_any_name_have_totals(bank: Bank) -> None:
    for number, owner in enumerate(names := ["ann", "~zoe", "größer", "a/b", "100%"]):
        bank.accept(f"g{number}", owner=owner)
        bank.make(f"g{number}")
    assert sorted(one.which for one in bank.accounts.usage.of_owners(TODAY, TODAY)) == sorted(names)


def test_a_rescued_generation_counts_with_its_last_end_on_its_first_day(bank: Bank) -> None:
    bank.accept("g1", 5)
    claimed(bank.ledger, Run("g1")).submitted("p1")
    bank.fail("g1", "VideoUnavailable")
    assert bank.errors() == {"VideoUnavailable": 1}
    bank.clock.forward(86400)
    bank.ledger.reopen(bank.ledger.get("g1"), "p1")
    run = bank.ledger.get("g1").run
    bank.ledger.provider_finished(run, {"url": "x"}, 3 * USD)
    bank.ledger.complete(run, archived("g1"), bank.clock.time)
    bank.announce("g1")
    assert bank.sums() == [("2026-01-01", "veo2", 1, 0, 3)]
    assert bank.errors() == {}
    assert bank.spent() == (0, 3, 0), "the day is over, but it counts for the month"


def test_a_later_charge_above_the_held_amount_counts_on_its_day(bank: Bank) -> None:
    bank.accept("g1", 2, key_line="k1")
    bank.accept("g2", 4, key_line="k1")
    bank.fail("g2", "SubmissionTimedOut")
    bank.clock.forward(32 * 86400)
    bank.make("g1", 3)
    bank.ledger.reopen(bank.ledger.get("g2"), None)  # an operator did this: nothing is held for it
    bank.make("g2", 4)
    for scope in (ALL, scope_of("ann"), scope_of(key_line="k1")):
        assert bank.spent(scope) == (5, 5, 0)


def test_a_new_day_and_hour_start_at_zero_and_the_month_continues(bank: Bank) -> None:
    bank.accept("g1", 10)
    bank.clock.forward(86400)
    bank.accept("g2", 4)
    assert bank.spent() == (4, 14, 1)
    bank.clock.forward(3600)
    bank.accept("g3", 1)
    assert bank.spent() == (5, 15, 1)
    bank.make("g1", 1)  # which was held yesterday
    assert bank.spent() == (5, 6, 1)


def test_a_slow_clock_does_not_restore_yesterdays_budget(bank: Bank) -> None:
    bank.accept("g1", 9)
    late = Bank(bank.dynamodb, Limits(day=10 * USD))
    late.clock.forward(-7200)
    with pytest.raises(BudgetExceeded):
        late.accept("g2", 2)
    late.accept("g3", 1)
    assert bank.spent() == (10, 10, 2)


def test_a_budget_that_dynamodb_left_unread_is_requested_again(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise it would be treated as having no limit."""
    bank.accounts.budgets.set(ALL, {"day": 3 * USD})
    whole: Any = bank.dynamodb.batch_get_item
    calls: list[Any] = []

    def one_at_a_time(RequestItems: Any) -> Any:  # noqa: N803 - boto3's name
        calls.append(RequestItems)
        first, *rest = RequestItems["money"]["Keys"]
        answer = whole(RequestItems={"money": {**RequestItems["money"], "Keys": [first]}})
        return {**answer, "UnprocessedKeys": {"money": {**RequestItems["money"], "Keys": rest}} if rest else {}}

    bank.accounts.budgets.set(scope_of("ann"), {"month": 2 * USD})
    monkeypatch.setattr(bank.dynamodb, "batch_get_item", one_at_a_time)
    assert [one.limits for one in bank.accounts.budgets.of("ann", None)] == [Limits(day=3 * USD), Limits(month=2 * USD)]
    assert len(calls) == 2


def test_rejected_probes_do_not_change_when_credits_ran_out(bank: Bank) -> None:
    breaker = circuit(bank.dynamodb, bank.clock)
    breaker.open()
    since = bank.clock.time
    bank.clock.forward(3600)
    breaker.open()
    assert breaker.open_since() == since
    assert not breaker.may_probe()


def test_owners_and_keys_have_separate_budgets(bank: Bank) -> None:
    bank.accounts.budgets.set(scope_of("ann"), {"month": 3 * USD})
    bank.accounts.budgets.set(scope_of(key_line="k1"), {"day": 1 * USD, "hour": 5})
    bank.accept("g1", 2, key_line="k2")
    with pytest.raises(BudgetExceeded, match=r"3\.00 USD a month of owner ann .* renews at 2026-02-01T00:00Z"):
        bank.accept("g2", 2)
    with pytest.raises(BudgetExceeded, match=r"1\.00 USD a day of key k1"):
        bank.accept("g3", 2, owner="bob", key_line="k1")
    bank.accept("g4", 2, owner="bob")
    assert bank.spent() == (4, 4, 2), "if one budget rejects it, none holds it"


def test_a_queued_job_is_checked_again_before_it_is_sent(bank: Bank) -> None:
    """Ten jobs of a dollar each fill the budget, and the first ones cost more."""

    def may_be_sent(name: str) -> bool:
        waiting = bank.ledger.get(name)
        try:
            bank.accounts.budgets.check(waiting.hold)
        except BudgetExceeded:
            return False
        return True

    for number in range(10):
        bank.accept(f"g{number}")
    assert may_be_sent("g9"), "a job that fills a budget fits"
    bank.make("g0", 1.25)
    assert may_be_sent("g9"), "a rest that is smaller than a job's price is not a reason"
    bank.make("g1", 2)
    assert not may_be_sent("g9")
    assert bank.accounts.budgets.of_all().share >= 1, "which an alarm tells"
    bank.fail("g2", "BudgetExceeded")
    bank.fail("g3", "BudgetExceeded")
    assert may_be_sent("g9"), "the unsent job left room for it"
    bank.accounts.budgets.set(ALL, {"day": 5 * USD, "month": 100 * USD})
    assert not may_be_sent("g9"), "the limit is lower now"
    bank.clock.forward(86400)
    assert may_be_sent("g9"), "it counts for yesterday's budget"
    bank.accounts.budgets.set(ALL, {"day": 0})
    assert not may_be_sent("g9"), "nothing may be spent"
    bank.accounts.budgets.set(ALL, {"day": 1 * USD})
    bank.accept("g10", key_line="k1")
    assert may_be_sent("g9"), "today's budget is full but not exceeded"
    bank.accounts.budgets.set(scope_of(key_line="k1"), {"day": 0})
    assert not may_be_sent("g10"), "with this key"
    bank.fail("g9", "BudgetExceeded")
    bank.ledger.reopen(bank.ledger.get("g9"), None)
    assert may_be_sent("g9"), "budgets do not reject operators"


def test_jobs_per_hour_are_counted_at_any_cost(bank: Bank) -> None:
    bank.accounts.budgets.set(ALL, {"hour": 2})
    bank.accept("g1", 0)
    bank.accept("g2", 0)
    bank.fail("g2")
    with pytest.raises(BudgetExceeded, match=r"The 2 jobs an hour of this deployment .* renew at 2026-01-01T13:00Z"):
        bank.accept("g3", 0)
    bank.clock.forward(3600)
    bank.accept("g4", 0)


def test_a_new_limit_includes_earlier_spending_and_none_removes_the_stages(bank: Bank) -> None:
    bank.accept("g1", 8)
    bank.accounts.budgets.set(ALL, {"day": 8 * USD})
    with pytest.raises(BudgetExceeded):
        bank.accept("g2", 1)
    budget = bank.accounts.budgets.set(ALL, {"day": None})
    assert budget.limits == Limits()
    bank.accept("g3", 1000)


def test_a_budget_counts_as_spent_once_it_has_refused_something(bank: Bank) -> None:
    bank.accept("g1", 8)
    assert bank.accounts.budgets.of_all().share == pytest.approx(0.8)
    with pytest.raises(BudgetExceeded):
        bank.accept("g2", 4)
    assert bank.accounts.budgets.of_all().share == 1
    bank.clock.forward(86400)
    assert bank.accounts.budgets.of_all().share == 0


def test_room_that_another_request_took_is_checked_again(bank: Bank) -> None:
    """Both have read that there is room for one more."""
    bank.accept("g0", 1)
    table: Any = bank.dynamodb
    original = table.transact_write_items
    others = iter(["g1"])

    def interrupted(**asked: Any) -> Any:
        for other in others:
            bank.accept(other, 9)
        return original(**asked)

    table.transact_write_items = interrupted
    try:
        with pytest.raises(BudgetExceeded):
            bank.accept("g2", 9)
    finally:
        table.transact_write_items = original
    assert bank.spent() == (10, 10, 2)


def test_a_lost_response_holds_and_records_once(bank: Bank) -> None:
    table: Any = bank.dynamodb
    original = table.transact_write_items

    def lost(**asked: Any) -> Any:
        """The SDK repeats the call and gets an error because the first one succeeded."""
        original(**asked)
        return original(**asked)

    table.transact_write_items = lost
    try:
        bank.accept("g1", 3)
        bank.make("g1", 2)
    finally:
        table.transact_write_items = original
    assert bank.spent() == (2, 2, 1)
    assert bank.sums() == [("2026-01-01", "veo2", 1, 0, 2)]


def test_a_record_of_an_earlier_release_is_counted_when_it_ends(bank: Bank) -> None:
    bank.ledger.add(generation("g1", status=Status.QUEUED, source=Source("api", "r")))
    bank.make("g1", 2)
    assert bank.sums() == [("2026-01-01", "veo2", 1, 0, 2)]
    assert bank.spent() == (2, 2, 0), "it counts although nothing was held for it"


@pytest.mark.parametrize(
    ("period", "end"),
    [
        ("2026-12", "2027-01-01T00:00Z"),
        ("2026-10-31", "2026-11-01T00:00Z"),
        ("2026-10-17T23", "2026-10-18T00:00Z"),
    ],
)
def test_a_period_ends_when_the_next_begins(period: str, end: str) -> None:
    assert renewal(period) == end


def test_owners_and_tags_with_any_text_have_separate_totals(bank: Bank) -> None:
    for number, owner in enumerate(("a/b", "a", "ä|~", "x" * 300)):
        bank.accept(f"g{number}", 1, owner=owner, tags=["k=v/~", "k"])
        bank.make(f"g{number}")
    assert len(list(bank.accounts.usage.of_owners(TODAY, TODAY))) == 4
    assert [which for _, which, *_ in bank.sums("tag", "a/b")] == ["k", "k=v/~"]


def test_accounts_do_not_hide_other_failed_conditions(bank: Bank) -> None:
    """A failed condition of the generation is reported as such."""
    bank.accept("g1", 1)
    with pytest.raises(ConditionFailed):
        bank.ledger.table.put_with({"generation_id": "g1"}, IS_NEW, Together)
