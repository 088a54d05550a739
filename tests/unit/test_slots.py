"""Test that slots respect the limit, are granted fairly between owners, and are never lost."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import Conflict, GenerationEnded
from core.generation import Failure, Status
from core.record_failure import close
from core.rescue import resolve
from core.slots.admission import LEASE, Admission
from core.slots.credits import Credits
from core.slots.table import Done, Refused, Slot, SlotsTable, Waiting
from core.sweep import SweepIncomplete
from core.workflow import Ended, Run
from tests.support.generations import claimed, generation
from tests.support.house import LONGEST, House

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LIMIT = 2


@pytest.fixture
def house(dynamodb: "DynamoDBClient") -> House:
    return House(dynamodb, LIMIT)


def test_the_limit_is_kept_and_the_next_job_is_admitted_when_one_ends(house: House) -> None:
    house.arrive("ann1", "ann2", "ann3", "ann4")
    assert (house.admitted, house.holders) == (["ann1", "ann2"], ["ann1", "ann2"])
    house.end("ann2")
    assert (house.admitted, house.holders) == (["ann1", "ann2", "ann3"], ["ann1", "ann3"])
    house.end("ann1", "ann3", "ann4")
    assert house.holders == []


def test_a_generation_is_not_given_a_second_slot(house: House) -> None:
    house.arrive("ann1")
    table, waiting = house.admission.table, Waiting.of(house.ledger.get("ann1"))
    table.wait(waiting)
    with pytest.raises(Refused) as refused:
        table.grant(waiting, 1, house.ledger.now())
    assert refused.value.is_settled
    assert house.holders == ["ann1"]


@pytest.mark.exhaustive
def test_an_owner_with_many_jobs_does_not_keep_another_waiting(house: House) -> None:
    house.arrive(*(f"ann{n}" for n in range(9)), "bob1", "bob2", "cyd1")
    order = []
    while house.holders:
        order.append(house.holders[0])
        house.end(house.holders[0])
    assert house.admitted[:2] == ["ann0", "ann1"]
    assert {"bob1", "cyd1"} <= set(house.admitted[2:5])
    assert [name for name in house.admitted if name.startswith("ann")] == [f"ann{n}" for n in range(9)]
    assert len(house.admitted) == 12


def test_jobs_that_arrive_together_do_not_wait_longer(house: House) -> None:
    """Many simultaneous arrivals do not put their owner behind other owners."""
    house.arrive("zed1", "zed2")
    for n in range(10):
        house.accept(f"ann{n}")
    for n in range(10):
        house.admission.admit(Run(f"ann{n}"), f"ann{n}")
    house.arrive("bob1")
    house.end("zed1", "zed2")
    assert set(house.holders) == {"ann0", "bob1"}


@pytest.mark.exhaustive
def test_an_owner_served_for_long_has_no_debt(house: House) -> None:
    for n in range(20):
        house.arrive(f"ann{n:02}")
        house.end(f"ann{n:02}")
    house.arrive("bob1", "bob2", "bob3", "ann20")
    house.end("bob1")
    assert house.admitted[-1] == "ann20"


@pytest.mark.exhaustive
def test_a_late_owner_waits_for_one_round_only(house: House) -> None:
    """More owners wait than there are slots. The next one served is not always the first to arrive."""
    house.arrive(*(f"{name}{n}" for name in ("ann", "bob", "cyd", "dan") for n in range(5)))
    house.arrive("zed1")
    before = len(house.admitted)
    while "zed1" not in house.admitted:
        house.end(house.holders[0])
    assert len(house.admitted) - before <= 5
    while house.holders:
        house.end(house.holders[0])
    assert len(house.admitted) == 21


def test_the_last_served_owner_is_known_despite_constant_arrivals(house: House) -> None:
    """A lease does not end, but is renewed, if another function tried to take it."""
    table, now = house.admission.table, house.ledger.now()
    until = now + timedelta(seconds=10)
    assert table.take_lease("one", now, until) == ""
    assert table.take_lease("other", now, until) is None
    assert not table.end_lease("one", Done("ann", 2))
    assert table.take_lease("one", now, until, Done("ann", 2)) == "ann"
    assert table.take_lease("other", until + timedelta(seconds=1), until + timedelta(seconds=9)) == "ann"


def test_a_job_that_arrives_while_its_callers_request_is_answered_gets_a_slot(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller with the lease was asked to run once more, and bob1 asks after that caller has read the queue."""
    take = SlotsTable.take_lease

    def takes(table: SlotsTable, who: str, now: datetime, until: datetime, done: Done | None = None) -> str | None:
        if done is None:
            served = take(table, who, now, until)
            assert take(table, "other", now, until) is None
            return served
        monkeypatch.undo()
        house.arrive("bob1")
        return take(table, who, now, until, done)

    monkeypatch.setattr(SlotsTable, "take_lease", takes)
    house.arrive("ann1")
    assert sorted(house.admitted) == ["ann1", "bob1"]


def test_a_job_that_asked_a_caller_that_died_gets_a_slot_from_the_next_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks after the next caller has read the queue, and before that one takes the lease."""
    take = SlotsTable.take_lease
    take(house.table, "died", house.clock.time, house.clock.time + LEASE)

    def takes(table: SlotsTable, who: str, *_: object) -> str | None:
        monkeypatch.undo()
        house.arrive("bob1")
        assert house.admitted == []
        house.clock.forward(LEASE.total_seconds() + 1)
        return take(table, who, house.clock.time, house.clock.time + LEASE)

    monkeypatch.setattr(SlotsTable, "take_lease", takes)
    house.arrive("ann1")
    assert sorted(house.admitted) == ["ann1", "bob1"]


def test_a_job_that_arrives_while_a_lease_is_renewed_gets_a_slot(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.limit_to(5)
    house.arrive("zed1", "zed2", "zed3", "zed4", "zed5", "ann1")
    for slot in house.table.held()[:3]:
        house.table.release(slot)
    house.limit_to(4)
    take, move = SlotsTable.take_lease, SlotsTable.move

    def moves(table: SlotsTable, slot: Slot, number: int) -> None:
        move(table, slot, number)
        house.clock.forward(LEASE.total_seconds() * 0.6)

    def takes(table: SlotsTable, who: str, now: datetime, until: datetime, done: Done | None = None) -> str | None:
        if done is not None:
            monkeypatch.undo()
            house.arrive("bob1")
        return take(table, who, now, until, done)

    monkeypatch.setattr(SlotsTable, "move", moves)
    monkeypatch.setattr(SlotsTable, "take_lease", takes)
    house.admission.grant_slots()
    assert {"ann1", "bob1"} < set(house.holders)


def test_the_number_of_slots_in_use_is_known_after_each_grant(house: House) -> None:
    assert house.table.in_use() == 0
    house.arrive("ann1")
    assert house.table.in_use() == 1
    house.arrive("bob1", "bob2")
    assert house.table.in_use() == 2, "of two slots"


@pytest.mark.parametrize("cancelled", [None, "ann1", "bob2"])
def test_slots_granted_together_are_shared_as_if_granted_one_by_one(house: House, cancelled: str | None) -> None:
    """A job that was just cancelled refuses the transaction, and the others are granted their slots nevertheless."""
    house.arrive("zed1", "zed2")
    for name in ("ann1", "ann2", "ann3", "ann4", "bob1", "bob2", "cyd1"):
        house.arrive(name)
    if cancelled:
        house.ledger.fail(Run(cancelled), Failure("Cancelled", "by its owner"))
    house.limit_to(7)
    house.admission.grant_slots()
    expected = {"zed1", "zed2", "ann1", "ann2", "bob1", "bob2", "cyd1"} - {cancelled}
    assert set(house.holders) == expected | {"ann3" if cancelled else "cyd1"}
    assert set(house.admitted) == {*house.holders, *([cancelled] if cancelled else [])}
    assert len(house.holders) == 7


def test_many_jobs_of_one_owner_are_granted_in_order(house: House) -> None:
    names = [f"ann{n:02}" for n in range(40)]
    house.limit_to(0)
    house.arrive(*names)
    house.limit_to(30)
    house.admission.grant_slots()
    assert house.holders == names[:30]
    assert sorted(house.admitted) == names[:30]


def test_a_slot_whose_job_was_moved_is_freed(house: House) -> None:
    house.arrive("ann1", "ann2")
    house.end("ann1")
    house.limit_to(1)
    house.arrive("ann3")
    [moved] = house.table.held()
    assert (moved.holder, moved.number, house.record("ann2").slot) == ("ann2", 0, 1)
    house.admission.release("ann2", number=1)
    assert house.holders == ["ann3"]


@pytest.mark.exhaustive
def test_many_owners_are_all_served(house: House) -> None:
    names = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}x1" for n in range(60)]
    house.arrive(*names)
    while house.holders:
        house.end(house.holders[0])
    assert sorted(house.admitted) == names


def test_releasing_twice_releases_once(house: House) -> None:
    house.arrive("ann1", "ann2", "ann3")
    house.end("ann1", "ann1")
    house.admission.release("ann1")
    assert house.holders == ["ann3", "ann2"]


def test_a_job_cancelled_while_queued_is_skipped(house: House) -> None:
    house.arrive("ann1", "ann2", "ann3", "ann4")
    house.ledger.fail(Run("ann3"), Failure("Cancelled", "by its owner"))
    house.end("ann1")
    assert house.holders == ["ann4", "ann2"]
    assert "ann3" in house.admitted, "its workflow continues and finds that it has ended"


def test_admit_invoked_again_has_one_slot_and_the_new_token_is_answered(house: House) -> None:
    house.arrive("ann1", "ann2", "ann3", "ann4")
    house.admission.admit(Run("ann3"), "ann3-again")
    house.end("ann1")
    assert house.admitted[-1] == "ann3-again"
    house.admission.admit(Run("ann3"), "ann3-yet-again")
    assert house.admitted[-1] == "ann3-yet-again"
    assert house.holders == ["ann3", "ann2"]


@pytest.mark.exhaustive
def test_forty_arrivals_invoked_twice_take_no_slot_twice(house: House) -> None:
    for n in range(40):
        house.arrive(f"ann{n:02}")
        house.admission.admit(Run(f"ann{n:02}"), f"again{n:02}")
        house.end(f"ann{n:02}")
    assert house.holders == []


def test_admit_invoked_twice_at_once_has_one_slot(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other invocation finishes between this one's check and its position in the queue."""
    wait = SlotsTable.wait

    def overtaken(table: SlotsTable, waiting: Waiting) -> None:
        monkeypatch.setattr(SlotsTable, "wait", wait)
        house.admission.admit(Run("ann1"), "ann1-other")
        wait(table, waiting)

    house.accept("ann1")
    monkeypatch.setattr(SlotsTable, "wait", overtaken)
    house.admission.admit(Run("ann1"), "ann1")
    assert (house.holders, house.table.waiting()[0]) == (["ann1"], [])


def test_a_resubmitted_job_keeps_its_slot(house: House) -> None:
    house.arrive("ann1", "bob1", "bob2")
    claimed(house.ledger, Run("ann1"))
    house.ledger.fail(Run("ann1"), Failure("SubmissionUnknown", "lost"))
    house.close("ann1")
    assert house.holders == ["ann1", "bob1"], "the provider may work on it"
    executions: Any = house.executions
    resolve("ann1", house.ledger, executions, None)
    house.end("bob1")
    house.admission.admit(Run("ann1", 1), "ann1-1")
    assert house.holders == ["ann1", "bob2"]
    house.end("ann1")
    assert house.holders == ["bob2"]


def test_an_ended_job_does_not_wait(house: House) -> None:
    house.ledger.add_failed(generation("ann1"), Failure("InvalidRequest", "no"))
    with pytest.raises(GenerationEnded):
        house.admission.admit(Run("ann1"), "ann1")
    with pytest.raises(GenerationEnded):
        house.admission.admit(Run("nobody"), "nobody")


def test_a_slot_is_free_only_when_the_provider_is_done(house: House) -> None:
    house.arrive("ann1", "ann2", "ann3")
    house.submit("ann1")
    house.ledger.fail(Run("ann1"), Failure("Cancelled", "by its owner"))
    house.close("ann1")
    house.sweep()
    assert house.holders == ["ann1", "ann2"], "the provider continues, whatever its owner wants"
    house.provider.working.discard("ann1")
    house.sweep()
    assert house.holders == ["ann3", "ann2"]


def test_an_unpollable_job_frees_its_slot_after_the_longest_time(house: House) -> None:
    house.arrive("ann1", "ann2", "ann3")
    claimed(house.ledger, Run("ann1"))
    house.ledger.fail(Run("ann1"), Failure("SubmissionUnknown", "lost"))
    house.close("ann1")
    house.sweep(LONGEST.total_seconds() - 1)
    assert house.holders == ["ann1", "ann2"]
    house.sweep(2)
    assert house.holders == ["ann3", "ann2"]


def test_a_slot_of_a_deleted_generation_is_kept_while_the_provider_works(house: House) -> None:
    house.arrive("ann1", "ann2", "ann3")
    house.submit("ann1")
    house.ledger.fail(Run("ann1"), Failure("Cancelled", "by its owner"))
    house.close("ann1")
    house.ledger.delete(house.record("ann1"))
    house.sweep()
    assert house.holders == ["ann1", "ann2"]
    house.provider.working.discard("ann1")
    house.sweep()
    assert house.holders == ["ann3", "ann2"]


def test_a_lower_limit_takes_effect_gradually_and_a_higher_one_immediately(house: House) -> None:
    house.limit_to(4)
    house.arrive(*(f"ann{n}" for n in range(8)))
    assert len(house.holders) == 4
    house.limit_to(2)
    house.end("ann0")
    house.end("ann1")
    assert set(house.holders) == {"ann2", "ann3"}
    house.end("ann2")
    assert set(house.holders) == {"ann3", "ann4"}
    house.limit_to(3)
    house.admission.grant_slots()
    assert set(house.holders) == {"ann3", "ann4", "ann5"}


def test_a_sweep_resumes_a_job_that_a_crashed_grant_missed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Admission, "wake", lambda *_: None)
        house.arrive("ann1")
    assert house.admitted == []
    house.sweep()
    assert house.admitted == ["ann1"]


def test_a_sweep_starts_an_accepted_job_that_never_started(house: House) -> None:
    house.ledger.add(generation("ann1", owner="ann"))
    house.sweep(30)
    assert house.executions.started == [], "ingest or the API may still be about to start it"
    house.sweep(31)
    assert house.executions.started == ["ann1"]


def test_a_sweep_frees_the_slot_of_an_ended_job(house: House) -> None:
    house.arrive("ann1", "ann2", "ann3")
    house.ledger.fail(Run("ann1"), Failure("GenerationFailed", "no"))
    house.sweep()
    assert house.holders == ["ann3", "ann2"]


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT", "FAILED"])
def test_a_sweep_records_an_end_whose_event_was_lost(house: House, status: str) -> None:
    house.arrive("ann1")
    house.executions.known["ann1"] = Ended(status, "States.Timeout")
    house.sweep()
    error = house.record("ann1").error
    assert error is not None
    assert error.name == ("InternalError" if status == "FAILED" else "WorkflowStopped")
    assert (house.announcer.announced, house.holders) == (["ann1"], [])


def test_a_sweep_announces_an_unannounced_end_once(house: House) -> None:
    house.arrive("ann1")
    house.ledger.fail(Run("ann1"), Failure("RequestRefused", "no"))
    house.executions.known["ann1"] = Ended("FAILED")
    house.sweep()
    house.sweep()
    assert house.announcer.announced == ["ann1"]


def test_a_sweep_announces_an_end_again_whose_call_was_rejected_after_it(house: House) -> None:
    house.arrive("ann1")
    claim = claimed(house.ledger, Run("ann1"))
    house.ledger.fail(Run("ann1"), Failure("Cancelled", "by its owner"))
    house.close("ann1")
    assert house.holders == ["ann1"], "the provider may have it"
    claim.clear()
    house.sweep()
    assert house.announcer.announced == ["ann1", "ann1"]
    assert (house.holders, house.executions.started) == ([], ["ann1"]), "it is not started again"
    house.sweep()
    assert house.announcer.announced == ["ann1", "ann1"]


def test_a_sweep_starts_a_rescue_that_crashed_before_its_start(house: House) -> None:
    house.arrive("ann1")
    house.end("ann1")
    house.ledger.reopen(house.record("ann1"), None)
    house.sweep()
    assert house.executions.started == ["ann1", "ann1-1"]


def test_one_error_does_not_stop_a_sweep(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.arrive("ann1", "ann2", "ann3")
    house.submit("ann1")
    for name in ("ann1", "ann2"):
        house.ledger.fail(Run(name), Failure("Cancelled", "by its owner"))

    def throttled(_: str) -> None:
        raise ConnectionError

    monkeypatch.setattr(house.provider, "poll", throttled)
    with pytest.raises(SweepIncomplete, match="1 of the checks that were due"):
        house.sweep()
    assert house.holders == ["ann1", "ann3"]


def test_a_sweep_ends_in_time_if_the_provider_hangs_and_the_next_ones_check_the_rest(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.arrive("ann1", "bob1")
    for name in ("ann1", "bob1"):
        house.submit(name)
        house.ledger.fail(Run(name), Failure("GaveUp", "no"))
    polled: list[str] = []

    def hang(provider_id: str) -> None:
        polled.append(provider_id)
        house.clock.forward(31)
        raise ConnectionError

    monkeypatch.setattr(house.provider, "poll", hang)
    for _ in range(40):
        with pytest.raises(SweepIncomplete, match="1 of the checks that were due"):
            house.sweeper().run(until=house.clock.time + timedelta(seconds=30))
    assert (len(polled), len(set(polled))) == (40, 2)


def test_a_queued_job_knows_how_many_of_its_owner_are_before_it(house: House) -> None:
    house.arrive("ann1", "ann2", "ann3", "bob1", "ann4")
    ahead = {name: house.admission.table.ahead(house.ledger.get(name)) for name in ("ann2", "ann3", "ann4", "bob1")}
    assert ahead == {"ann2": None, "ann3": 0, "ann4": 1, "bob1": 0}


def test_a_long_queue_is_not_counted_to_its_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.slots.table.MOST_AHEAD", 3)
    house.arrive(*(f"ann{n}" for n in range(9)))
    ahead = [house.admission.table.ahead(house.ledger.get(f"ann{n}")) for n in range(2, 9)]
    assert ahead == [0, 1, 2, 3, 3, 3, 3]


def test_a_sweep_that_read_an_ended_run_leaves_the_next_one_in_the_queue(house: House) -> None:
    """The end is announced and the job reopened while the sweep looks up how its execution ended."""
    house.limit_to(1)
    house.arrive("bob1", "ann1")
    house.ledger.fail(Run("ann1"), Failure("Cancelled", "by its owner"))
    executions: Any = house.executions
    ended = executions.ended

    def meanwhile(run: Run) -> Any:
        if run == Run("ann1"):
            executions.ended = ended
            house.close("ann1")
            reopened(house, "ann1")
        return ended(run)

    executions.ended = meanwhile
    house.sweep()
    house.make("bob1")
    assert "ann1-1" in house.admitted


def test_a_late_close_of_an_earlier_run_keeps_the_slot_of_the_next(house: House) -> None:
    """RecordFailure has read the ended run before another caller announced it and reopened the job."""
    house.arrive("ann1")
    house.ledger.fail(Run("ann1"), Failure("Cancelled", "by its owner"))
    stale = house.record("ann1")
    house.ledger.announced(stale)
    house.clock.forward(1)
    reopened(house, "ann1")
    house.submit("ann1")
    close(stale, house.ledger, house.admission, house.announcer)  # type: ignore[arg-type]  # it has what is used
    assert house.holders == ["ann1"]


def test_an_entry_of_an_earlier_run_does_not_end_a_reopened_job(house: House) -> None:
    house.limit_to(1)
    house.arrive("bob1", "ann1")
    job = Waiting.of(house.record("ann1"))
    house.shortages.rejected(job)
    house.table.hold_back([job], house.clock.time)
    house.clock.forward(24 * 3600 - 60)
    house.ledger.fail(Run("ann1"), Failure("Cancelled", "by its owner"))
    house.ledger.announced(house.record("ann1"))
    reopened(house, "ann1")
    house.clock.forward(120)
    Credits(house.admission).review()
    assert house.record("ann1").status is Status.QUEUED


def test_a_job_with_an_input_reaches_the_deadline_for_credits(house: House) -> None:
    house.arrive("ann0")
    house.make("ann0")
    house.limit_to(1)
    house.arrive("bob1")
    house.arrive("ann1", takes=["ann0"])
    job = Waiting.of(house.record("ann1"))
    house.shortages.rejected(job)
    house.shortages._update(job.model, "SET try_at = :at", {":at": "2999-01-01T00:00:00.000Z"})  # others are tried
    house.table.hold_back([job], house.clock.time)
    house.limit_to(2)
    for _ in range(25):
        house.sweep(3600)
    error = house.record("ann1").error
    assert error is not None
    assert error.name == "ProviderOutOfCredits"


def test_a_job_that_is_being_sent_is_not_deleted(house: House) -> None:
    """If the provider then rejects it, its end is counted again, for which the record is needed."""
    house.arrive("ann1")
    claim = claimed(house.ledger, Run("ann1"))
    house.ledger.fail(Run("ann1"), Failure("Cancelled", "by its owner"))
    house.close("ann1")
    with pytest.raises(Conflict, match="is being sent"):
        house.ledger.delete(house.record("ann1"))
    claim.clear()
    house.close("ann1")
    house.ledger.delete(house.record("ann1"))
    assert house.holders == []


def reopened(house: House, name: str) -> None:
    """Reopen a failed job and invoke the Admit of its next run."""
    executions: Any = house.executions
    house.ledger.reopen(house.record(name), None)
    run = house.record(name).run
    executions.start(run)
    house.admission.admit(run, run.execution)
