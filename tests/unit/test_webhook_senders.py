"""Test that receivers that hang, fail or are slow delay only their own webhooks, and that none is lost silently."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.records.table import DELIVERY_KEY
from core.webhooks.records import LEASE
from core.webhooks.senders import FAILURES, PAUSES, SENDERS, SLOW, Permit, Receiver, Senders
from tests.support.generations import Clock
from tests.support.senders import World, every, together

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
JOBS_A_DAY = 38_400  # with the default limit of slots
INSTANT, SLOWLY = timedelta(0), SLOW * 2
HOST = "hooks.example.com"
SHARE, SLOW_SHARE = SENDERS // 3, SENDERS // 2


# --- simulations


def test_a_hanging_receiver_delays_no_others() -> None:
    """Without a share of the senders, messages of others were 15 hours late after a day."""
    world = World(hanging={"bob"})
    world.run(every(DAY / JOBS_A_DAY, "bob", until=HOUR), every(MINUTE, "ann", until=HOUR), until=HOUR)
    assert world.latest("ann") <= MINUTE
    assert world.at_once["bob"] == SHARE
    assert world.posts["bob"] <= 4 * FAILURES, "a receiver that fails repeatedly gets few messages"


def test_slow_receivers_of_one_owner_delay_no_others() -> None:
    """Each is accepted, but only after 14 seconds."""
    world = World(slow={"bob"})
    world.run(together(60, "bob"), every(10, "ann", until=10 * MINUTE), until=20 * MINUTE)
    assert world.latest("ann") <= 1
    assert world.unfinished() == set()
    assert world.at_once["bob"] == SHARE


@pytest.mark.parametrize("kind", ["hanging", "slow"])
def test_receivers_of_many_owners_delay_no_others(kind: str) -> None:
    """More owners than could share the senders."""
    bad = [f"bad{number}" for number in range(2 * SENDERS // SHARE)]
    world = World(hanging=bad) if kind == "hanging" else World(slow=bad)
    world.run(*(together(30, owner) for owner in bad), every(10, "ann", until=5 * MINUTE), until=5 * MINUTE)
    assert world.latest("ann") <= MINUTE


def test_a_host_that_many_owners_share_gets_a_third_of_the_senders() -> None:
    bad = [f"bad{number}" for number in range(SENDERS)]
    world = World(slow=bad, host="shared.example")
    world.run(*(together(3, owner) for owner in bad), until=5 * MINUTE)
    assert world.at_once["shared.example"] == SHARE
    assert world.latest(bad[0]) <= 5 * MINUTE


def test_a_crowd_of_good_messages_is_sent_within_minutes() -> None:
    world = World()
    world.run(together(500, "bob"), every(10, "ann", until=4 * MINUTE), until=5 * MINUTE)
    assert world.unfinished() == set()
    assert world.latest("ann") <= MINUTE


def test_after_a_day_each_message_was_delivered_or_given_up_and_says_so() -> None:
    world = World(hanging={"bob"})
    world.run(together(60, "bob"), until=29 * HOUR)
    assert (world.unfinished(), world.late) == (set(), {})
    assert len(world.given_up) == 60
    assert min(world.given_up.values()) > 23 * HOUR
    dead = [item for item in world.table.items.values() if "url" in item]
    assert {item["status"] for item in dead} == {"dead"}
    assert all(item["problem"] and item["ended_at"] for item in dead)


def test_a_receiver_that_recovers_gets_all_messages() -> None:
    bad = {"bob"}
    world = World(hanging=bad)
    world.run(together(100, "bob"), until=2 * HOUR)
    assert world.late == {}
    bad.clear()
    world.run(until=2 * HOUR + 40 * MINUTE)
    assert (world.given_up, len(world.late) >= 95) == ({}, True), "the others had an attempt and wait for their next"
    world.run(until=DAY)
    assert len(world.late) == 100


# --- senders


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def senders(dynamodb: "DynamoDBClient", clock: Clock) -> Senders:
    return Senders(dynamodb, "webhooks", clock)


Take = Callable[..., Permit]


@pytest.fixture
def take(senders: Senders) -> Take:
    def take(owner: str = "ann", host: str = HOST) -> Permit:
        permit = senders.take(owner, host)
        assert permit
        return permit

    return take


def fail(senders: Senders, take: Take, times: int) -> None:
    for _ in range(times):
        permit = take()
        senders.answered(permit.receiver, failed=True, took=INSTANT)
        senders.free(permit)


def test_no_owner_has_more_than_its_share(senders: Senders, take: Take) -> None:
    held = [take(host=f"h{number}.example") for number in range(SHARE)]
    assert senders.take("ann", "another.example") is None
    take("bob", "another.example")
    senders.free(held[1])
    take(host="another.example")
    assert senders.take("ann", "another.example") is None


def test_no_host_has_more_than_its_share(senders: Senders, take: Take) -> None:
    held = [take(f"owner{number}") for number in range(SHARE)]
    assert senders.take("ann", HOST) is None
    others = [take(host=f"h{number}.example") for number in range(SHARE)]
    assert len(others) == SHARE, "the slot of the owner was freed when its host had none"
    senders.free(others[0])
    senders.free(held[0])
    take()


def test_a_slot_whose_holder_died_is_free_after_its_lease(senders: Senders, take: Take, clock: Clock) -> None:
    dead = [take() for _ in range(SHARE)]
    clock.forward(LEASE.total_seconds())
    assert senders.take("ann", HOST) is None
    clock.forward(1)
    now = [take() for _ in range(SHARE)]
    for permit in dead:
        senders.free(permit)  # as if it was only late
    assert senders.take("ann", HOST) is None, "a late holder frees nobody else's slot"
    senders.free(now[0])
    take()


def test_a_holder_that_dies_between_its_slots_delays_nothing_for_longer(
    senders: Senders, clock: Clock, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = senders._slot

    def die(lane: str, slots: int, holder: str) -> str | None:
        if lane.startswith("host"):
            raise KeyboardInterrupt
        return real(lane, slots, holder)

    with monkeypatch.context() as patched:
        patched.setattr(senders, "_slot", die)
        for _ in range(SHARE):
            with pytest.raises(KeyboardInterrupt):
                senders.take("ann", HOST)
    assert senders.take("ann", HOST) is None
    clock.forward(LEASE.total_seconds() + 1)
    take()


def test_a_lost_answer_takes_one_slot(senders: Senders, take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK makes the call again, and finds its own slot."""
    client = senders._table._dynamodb
    put = client.put_item

    def twice(**arguments: object) -> object:
        put(**arguments)  # type: ignore[arg-type]  # the same
        return put(**arguments)  # type: ignore[arg-type]  # the same

    with monkeypatch.context() as patched:
        patched.setattr(client, "put_item", twice)
        held = [take() for _ in range(SHARE)]
    assert len({slot for permit in held for slot in permit.slots}) == 2 * SHARE


def test_a_receiver_that_fails_repeatedly_is_paused_for_longer_each_time(
    senders: Senders, take: Take, clock: Clock
) -> None:
    fail(senders, take, FAILURES - 1)
    for pause in (*PAUSES, PAUSES[-1]):
        fail(senders, take, 1)
        clock.forward(pause.total_seconds() - 1)
        assert senders.take("ann", HOST) is None
        clock.forward(1)


def test_one_message_at_a_time_tries_a_failing_receiver(senders: Senders, take: Take, clock: Clock) -> None:
    fail(senders, take, FAILURES)
    clock.forward(PAUSES[0].total_seconds())
    probe = take()
    assert senders.take("ann", HOST) is None
    senders.answered(probe.receiver, failed=False, took=INSTANT)
    senders.free(probe)
    for _ in range(SHARE):
        take()


def test_one_of_two_that_read_the_same_state_tries_a_failing_receiver(
    senders: Senders, take: Take, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(senders, take, FAILURES)
    clock.forward(PAUSES[0].total_seconds())
    seen = senders._receiver("ann", HOST)
    with monkeypatch.context() as patched:
        patched.setattr(senders, "_receiver", lambda *_: seen)
        permits = [senders.take("ann", HOST) for _ in range(3)]
    assert sum(permit is not None for permit in permits) == 1
    assert len([take(host="another.example") for _ in range(SHARE - 1)]) == SHARE - 1, "the others freed their slots"


def test_a_probe_that_dies_is_repeated_after_its_lease(senders: Senders, take: Take, clock: Clock) -> None:
    fail(senders, take, FAILURES)
    clock.forward(PAUSES[0].total_seconds())
    take()
    clock.forward(LEASE.total_seconds() + 1)
    take()


def test_failures_at_the_same_time_all_count(senders: Senders, take: Take) -> None:
    permits = [take() for _ in range(SHARE)]
    for permit in permits:
        senders.answered(permit.receiver, failed=True, took=INSTANT)
    assert senders._receiver("ann", HOST).failures == SHARE


def test_a_success_ends_the_series_of_failures(senders: Senders, take: Take) -> None:
    fail(senders, take, FAILURES - 1)
    senders.answered(take().receiver, failed=False, took=INSTANT)
    assert senders._receiver("ann", HOST) == Receiver("ann", HOST)


def test_failures_on_a_shared_host_pause_only_their_owner(senders: Senders, take: Take) -> None:
    fail(senders, take, FAILURES)
    assert senders.take("ann", HOST) is None
    take("bob")


def test_slow_receivers_share_half_of_the_senders(senders: Senders, take: Take) -> None:
    for number in range(SENDERS):
        permit = take(f"owner{number}", f"h{number}.example")
        senders.answered(permit.receiver, failed=False, took=SLOWLY)
        senders.free(permit)
    permits = [senders.take(f"owner{number}", f"h{number}.example") for number in range(SENDERS)]
    assert sum(permit is not None for permit in permits) == SLOW_SHARE
    take()
    held = next(permit for permit in permits if permit)
    senders.answered(held.receiver, failed=False, took=INSTANT)
    senders.free(held)
    assert len(take(held.receiver.owner, held.receiver.host).slots) == 2, "it is no longer slow"


def test_keys_of_other_owners_and_hosts_are_never_the_same(senders: Senders, dynamodb: "DynamoDBClient") -> None:
    for owner in ("ann", "ann 0", "host ann"):
        senders.take(owner, "0.example")
    keys = [item[DELIVERY_KEY]["S"] for item in dynamodb.scan(TableName="webhooks")["Items"]]
    assert len(keys) == len(set(keys)) == 6
    assert len({Receiver(owner, host).key for owner, host in (("a b", "c"), ("a", "c"), ("a b c", "c"))}) == 3
