"""Test that a job which the provider rejects for lack of credits delays no other job, costs nothing, and ends."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bench.scale.dynamodb import DynamoDB
from core.generation import Failure, Status
from core.records.claim import Claim
from core.slots.shortages import NOT_BEFORE, Patience
from core.slots.table import Waiting
from core.submit import HELD_BACK, Submitted
from core.workflow import Run
from tests.support.account_world import CHEAP, DEAR, VIDEO_SECONDS, AccountWorld
from tests.support.machine import Died


class Mortal:
    """Kills the caller before or after the `at`-th write, or loses its answer, which the SDK then repeats."""

    def __init__(self, dynamodb: DynamoDB) -> None:
        self.at, self.how = 0, ""
        self.points: list[str] = []
        self.is_certain = True  # whether the outcome of the create call is certain wherever it died
        for name in ("put_item", "update_item", "delete_item", "transact_write_items"):
            setattr(dynamodb, name, self._around(name, getattr(dynamodb, name)))

    def _around(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(**how: Any) -> Any:
            self.points.append(name)
            is_struck = len(self.points) == self.at
            if is_struck and self.how != "lost":
                self.is_certain = ":attempt" not in str(how)
            if is_struck and self.how == "before":
                raise Died
            answer = real(**how)
            if is_struck and self.how == "after":
                raise Died
            if is_struck and self.how == "lost" and name != "transact_write_items":  # AWS makes that one idempotent
                answer = real(**how)
            return answer

        return call


def test_forty_rejected_jobs_do_not_delay_other_jobs() -> None:
    """The balance covers cheap videos and no dear one."""
    world, empty = AccountWorld(limit=4), AccountWorld(limit=4)
    world.account.balance = empty.account.balance = DEAR - 1
    dear = world.accept(*[DEAR] * 40, owner="bob")
    world.run(1)
    cheap, alone = [], []
    for _ in range(30):
        for one in (world, empty):
            one.account.balance = DEAR - 1
        cheap += world.accept(CHEAP)
        cheap += world.accept(CHEAP, model="sora")
        alone += empty.accept(CHEAP)
        alone += empty.accept(CHEAP, model="sora")
        world.run(1)
        empty.run(1)
    assert world.ends(cheap) == {"completed"}
    assert max(world.waited(cheap)) == max(empty.waited(alone)), "by nothing"
    assert world.ends(dear) == {"queued"}
    assert set(world.held_back) == set(dear)


def test_jobs_that_are_always_rejected_take_no_slot_from_others() -> None:
    world = AccountWorld(limit=2)
    world.account.balance = 1000
    bad = world.accept(DEAR, DEAR, owner="bob", is_bad=True)
    world.run(3)
    good = world.accept(*[CHEAP] * 20)
    world.run(15)
    assert world.ends(good) == {"completed"}
    assert world.ends(bad) == {"queued"}


def test_bad_jobs_of_one_owner_delay_equal_jobs_of_another_by_minutes_only() -> None:
    """The provider accepts jobs that cost as much. So the account is not the reason, and only the bad ones wait."""
    world = AccountWorld(limit=4)
    world.account.balance = 10_000
    bad = world.accept(*[DEAR] * 40, owner="bob", is_bad=True)
    good = world.accept(*[DEAR] * 10)
    world.run(5)
    assert world.ends(good) == {"completed"}
    assert max(world.waited(good)) <= 180, "they need three rounds of a minute"
    waits = []
    for _ in range(60):
        waits += world.accept(DEAR)
        world.run(1)
    world.run(3)
    assert world.ends(waits) == {"completed"}
    assert max(world.waited(waits)) < 1, "by nothing"
    world.run(90)
    assert world.ends(bad) >= {"ProviderOutOfCredits"}, "they end early, because others were accepted"


def test_a_good_job_is_soon_tried_among_bad_ones_of_many_owners() -> None:
    """Nothing is accepted in between, so all jobs of the model are held back."""
    world = AccountWorld(limit=4)
    world.account.balance = 10_000
    bad = [name for number in range(40) for name in world.accept(DEAR, owner=f"bob{number}x", is_bad=True)]
    world.run(45)
    good = []
    for _ in range(5):
        good += world.accept(DEAR)
        world.run(10)
    assert world.ends(good) == {"completed"}
    assert max(world.waited(good)) <= 120
    assert world.ends(bad) == {"queued"}


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_thousands_of_jobs_at_an_empty_account_send_two_creates_a_minute_and_make_no_transitions(count: int) -> None:
    world = AccountWorld(limit=20)
    models = ("veo2", "sora")
    names = [
        name
        for n in range(count // 2)
        for model in models
        for name in world.accept(DEAR, model=model, owner=f"o{n % 50}")
    ]
    world.run(3)
    assert len(world.held_back) == len(names)
    transitions, calls = dict(world.machine.transitions), len(world.account.calls)
    world.run(15)
    minutes = Counter((model, at.replace(second=0, microsecond=0)) for at, model, _, _ in world.account.calls)
    assert max(minutes.values()) <= 2
    new = world.account.calls[calls:]
    assert {model for _, model, _, _ in new} == set(models)
    assert 25 <= len(new) <= 32, "one a minute for each model, so that a top-up is noticed"
    tried = len({seed for _, _, seed, _ in new})
    assert tried == len(new), "they take turns"
    moved = {name for name, count in world.machine.transitions.items() if count != transitions[name]}
    assert len(moved) == tried, "only those that were tried"
    assert world.holders == []
    assert world.ends(names) == {"queued"}

    world.account.balance = 10**9
    before = world.clock.time
    world.run(2)
    accepted = [at for at, _, _, is_accepted in world.account.calls if is_accepted]
    assert len(accepted) >= 2 * 20, "work resumes"
    assert accepted[0] - before <= timedelta(minutes=2)
    assert world.held_back == []


def test_a_cheaper_job_is_sent_and_if_it_is_rejected_lowers_the_cost() -> None:
    world = AccountWorld()
    world.account.balance = 2
    world.accept(DEAR)
    world.run(0.1)
    (shortage,) = world.shortages.every().values()
    assert (shortage.cost, world.holders) == (DEAR, [])
    [lower] = world.accept(3)
    world.run(0.1)
    (shortage,) = world.shortages.every().values()
    assert (shortage.cost, world.ends([lower])) == (3, {"queued"})
    [cheap, equal] = world.accept(2, 3)
    world.run(0.1)
    assert (world.ends([cheap]), world.ends([equal])) == ({"generating"}, {"queued"})
    (shortage,) = world.shortages.every().values()
    assert shortage.cost == 3, "a cheaper job that is accepted says nothing about dearer ones"
    assert world.account.creates() == 3


def test_others_follow_within_seconds_of_the_first_accepted_job() -> None:
    world = AccountWorld(limit=20)
    names = world.accept(*[DEAR] * 15)
    world.run(5)
    world.account.balance = 1000
    world.run(1)
    world.run(0.1)
    assert world.ends(names) == {"generating"}
    assert world.shortages.every()["veo2"].cost is None
    world.run(4)
    assert world.shortages.every() == {}
    assert world.ends(names) == {"completed"}


def test_a_job_ends_at_the_deadline_whether_it_was_tried_or_not() -> None:
    world = AccountWorld(limit=1, patience=Patience(deadline=2 * 3600))
    names = world.accept(*[DEAR] * 200)
    world.run(119)
    assert world.ends(names) == {"queued"}
    world.run(4)
    assert world.ends(names) == {"ProviderOutOfCredits"}
    assert set(world.announcer.announced) == set(names)
    assert world.held_back == world.holders == []
    world.run(3)
    assert world.shortages.every() == {}, "and the alarm is over"


def test_an_hour_of_an_empty_account_fails_nothing_even_if_others_were_accepted_before() -> None:
    world = AccountWorld(limit=5)
    world.account.balance = DEAR
    names = world.accept(*[DEAR] * 4)
    world.run(59)
    world.account.balance = DEAR  # a small top-up, which the first try uses
    world.run(60)
    assert world.ends(names) == {"completed", "queued"}


@pytest.mark.parametrize("cost_of_others", [DEAR, CHEAP])
def test_a_job_ends_early_only_if_jobs_that_cost_as_much_are_accepted(cost_of_others: int) -> None:
    world = AccountWorld(limit=5)
    world.account.balance = 10_000
    bad = world.accept(DEAR, is_bad=True)
    for _ in range(int(NOT_BEFORE.total_seconds() / 60) - 1):
        world.run(1)
        world.accept(cost_of_others, owner="bob")
    assert world.ends(bad) == {"queued"}, "not before an hour"
    for _ in range(4):
        world.run(1)
        world.accept(cost_of_others, owner="bob")
    assert world.ends(bad) == ({"ProviderOutOfCredits"} if cost_of_others == DEAR else {"queued"})
    if cost_of_others == DEAR:
        error = world.ledger.get(bad[0]).error
        assert error
        assert "The provider accepts other jobs that cost as much." in error.message


def test_a_day_of_tries_fits_into_an_executions_history() -> None:
    """A history holds 25,000 events, and a task has at most six."""
    world = AccountWorld()
    [alone] = world.accept(DEAR)
    world.run(24 * 60 + 2)
    assert world.ends([alone]) == {"ProviderOutOfCredits"}
    assert 24 * 60 - 10 <= world.account.creates() <= 24 * 60 + 10
    assert 6 * world.machine.transitions[alone] < 30_000
    tries = world.account.creates()
    assert tries * (6 + 5 + 2) < 25_000, "Admit, Submit and IsSubmitted?"


def test_a_cancelled_job_is_not_tried_and_its_shortage_ends() -> None:
    world = AccountWorld()
    first, second = world.accept(DEAR, DEAR)
    world.run(2)
    for name in (first, second):
        world.ledger.fail(Run(name), Failure("Cancelled", "by its owner"))
        world.admission.leave(world.ledger.get(name))
    calls = world.account.creates()
    world.run(3)
    assert (world.account.creates(), world.held_back, world.shortages.every()) == (calls, [], {})


def test_a_job_that_is_cancelled_during_the_call_gives_its_slot_back() -> None:
    """Its end is counted again, since it may have counted a charge. The sweep then finds that the slot is free."""
    world = AccountWorld()
    [name] = world.accept(DEAR)

    def cancel(_: int) -> None:
        world.ledger.fail(Run(name), Failure("Cancelled", "by its owner"))

    world.account.before = cancel
    world.run(61)
    record = world.ledger.get(name)
    assert (record.submission, world.holders, world.held_back) == (None, [], [])
    assert world.account.creates(1) == 1


def test_jobs_that_were_granted_slots_before_a_rejection_are_not_sent() -> None:
    world = AccountWorld(limit=20)
    names = world.accept(*[DEAR] * 20)
    world.run(0.5)
    assert world.account.creates() == 1
    assert (world.holders, len(world.held_back)) == ([], 20)
    assert {world.ledger.get(name).submission for name in names} == {None}


def test_an_entry_left_behind_is_removed() -> None:
    """An invocation that read the job too early has put it into the queue once more."""
    world = AccountWorld()
    [name] = world.accept(DEAR)
    world.run(0.1)
    stale = Waiting.of(world.ledger.get(name))
    world.account.balance = 2 * DEAR
    world.run(1)
    world.run(0.1)
    assert world.ends([name]) == {"generating"}
    world.table.wait(stale)
    world.table.hold_back([stale], world.clock.time)
    world.run(3)
    assert (world.ends([name]), world.held_back, world.holders) == ({"completed"}, [], [])
    assert world.account.creates() == 2


def test_owners_take_turns_with_tries() -> None:
    world = AccountWorld(limit=10)
    world.accept(*[DEAR] * 5, owner="ann")
    world.run(0.1)
    bob = world.accept(DEAR, owner="bob")
    world.run(2)
    assert world.ledger.get(bob[0]).rejected_at, "the second try at the latest"


def test_a_job_of_another_model_does_not_wait() -> None:
    world = AccountWorld()
    world.account.balance = DEAR - 1
    world.accept(DEAR)
    world.run(0.1)
    world.account.balance = 100
    [other] = world.accept(DEAR, model="sora")
    world.run(0.1)
    assert world.ends([other]) == {"generating"}


def test_a_try_waits_for_a_free_slot() -> None:
    world = AccountWorld(limit=1)
    world.account.balance = DEAR - 1
    [dear] = world.accept(DEAR)
    world.run(0.1)
    world.accept(CHEAP)
    world.run(0.5)
    [holder] = world.holders
    world.account.balance = 100
    world.sweep()
    assert world.holders == [holder], "the limit is kept"
    world.run((VIDEO_SECONDS + 90) / 60)
    assert world.ends([dear]) <= {"generating", "completed"}


def one_history(fate: tuple[int, str]) -> int:
    """Let two jobs be rejected, top up, and complete them. Die at a call, or lose its answer. Return the calls."""
    world = AccountWorld(limit=1)
    mortal = Mortal(world.dynamodb)
    names = world.accept(DEAR) + world.accept(DEAR, owner="bob")
    mortal.at, mortal.how = fate
    world.run(4)
    world.account.balance = 1000
    world.run(45)  # a job whose answer is unknown keeps its slot for half an hour
    where = f"{fate}: {mortal.points[fate[0] - 1] if fate[0] <= len(mortal.points) else 'nowhere'}"
    accepted = [seed for _, _, seed, is_accepted in world.account.calls if is_accepted]
    assert len(accepted) == len(set(accepted)), where
    assert (world.holders, world.held_back, world.table.waiting()[0]) == ([], [], []), where
    ends = [world.ends([name]).pop() for name in names]
    unknown = [end for end in ends if end == "SubmissionUnknown"]
    if mortal.how == "lost" or mortal.is_certain:
        assert ends == ["completed", "completed"], where
    else:
        assert len(unknown) <= 1, where
        assert len(unknown) + ends.count("completed") == 2, where
    rejected = [at for at, _, _, is_accepted in world.account.calls if not is_accepted]
    minutes = Counter(at.replace(second=0, microsecond=0) for at in rejected)
    assert max(minutes.values(), default=0) <= 3, where
    return len(mortal.points)


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", ["before", "after", "lost"])
def test_jobs_that_wait_for_credits_survive_a_death_and_a_lost_answer_at_every_call(how: str) -> None:
    points = one_history((0, ""))
    assert points > 100
    for at in range(1, points + 1):
        one_history((at, how))


def test_one_job_tries_a_minute_however_often_slots_are_granted() -> None:
    world = AccountWorld(limit=10)
    world.accept(*[DEAR] * 8)
    world.run(0.5)
    calls = world.account.creates()
    for _ in range(20):
        world.admission.grant_slots()
        world.run(0.1)
    assert world.account.creates() - calls <= 2, "in two minutes"


def test_a_bad_job_does_not_hold_back_the_other_jobs_of_its_owner_again_and_again() -> None:
    world = AccountWorld(limit=4)
    world.account.balance = 10_000
    world.accept(DEAR, is_bad=True)
    world.run(2)
    first = world.accept(DEAR)
    world.run(3)
    assert max(world.waited(first)) <= 120
    good = []
    for _ in range(40):
        good += world.accept(DEAR)
        world.run(1)
    assert max(world.waited(good)) <= 60
    assert max(world.waited(good[1:])) < 1


def test_two_invocations_at_once_send_once_and_give_one_slot_back() -> None:
    world = AccountWorld()
    [name] = world.accept(DEAR)
    seen: list[Submitted] = []

    def meanwhile(_: int) -> None:
        world.account.before = lambda _: None
        seen.append(world.submit.submit(Run(name)))

    world.account.before = meanwhile
    world.run(0.1)
    seen += [world.submit.submit(Run(name)), world.submit.submit(Run(name))]
    assert [one.status for one in seen] == [Status.QUEUED, HELD_BACK, HELD_BACK]
    assert (world.account.creates(), world.holders, world.held_back) == (1, [], [name])
    world.shortages.forget(world.shortages.every()["veo2"])
    world.account.balance = 100
    assert world.submit.submit(Run(name)).status == HELD_BACK, "it has no slot"


def test_an_invocation_does_not_send_a_job_whose_slot_another_one_has_given_back() -> None:
    """It has read the job before. The workflow waits in Admit, so nobody would wait for the video."""
    world = AccountWorld()
    [name] = world.accept(DEAR)
    world.admission.table.wait(Waiting.of(world.ledger.get(name)))
    world.admission.grant_slots()
    stale = world.ledger.get(name)
    assert world.table.give_back(stale, world.clock.time)
    assert Claim.begin(world.ledger, stale.run) is None
    assert world.submit.submit(Run(name)).status == HELD_BACK


def test_a_late_invocation_cannot_take_the_slot_of_a_try() -> None:
    """It has read the job before another invocation gave the slot back, and continues when the job is sent."""
    world = AccountWorld()
    [name] = world.accept(DEAR)
    world.admission.table.wait(Waiting.of(world.ledger.get(name)))
    world.admission.grant_slots()
    stale = world.ledger.get(name)
    world.run(0.5)
    world.account.balance = 100
    world.run(1)
    world.run(0.1)
    assert world.ends([name]) == {"generating"}
    assert not world.table.give_back(stale, world.clock.time)
    assert world.holders == [name]


def test_a_job_of_another_owner_is_held_back_only_after_its_own_rejection() -> None:
    world = AccountWorld(limit=10)
    world.accept(DEAR)
    world.run(0.1)
    bob = world.accept(DEAR, owner="bob")
    world.run(0.1)
    assert world.account.creates() == 2, "bob's job is sent, and shows that the account is the reason"
    cyd = world.accept(DEAR, owner="cyd")
    world.run(0.1)
    assert world.account.creates() == 2
    assert set(world.held_back) >= {*bob, *cyd}
