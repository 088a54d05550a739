"""Test that a job that uses another job's video waits for it without cost, without a slot, and not forever."""

from typing import TYPE_CHECKING, Any

import pytest

from core.errors import InputUnavailable
from core.generation import Failure, Generation, Status
from core.rescue import rescue
from core.slots.admission import Admission
from core.workflow import Run
from tests.support.house import House

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def house(dynamodb: "DynamoDBClient") -> House:
    return House(dynamodb, 2)


class Died(BaseException):
    """The end of the function's process."""


def die(*_: object) -> None:
    raise Died


def nobody_is_awaited(house: House, *sources: str) -> bool:
    return [house.table.awaiting(source) for source in sources] == [[]] * len(sources)


def failure(house: House, name: str) -> str:
    found = house.record(name).error
    assert found is not None
    return f"{found.name}: {found.message}"


def test_a_job_waits_without_a_slot_until_the_video_is_archived(house: House) -> None:
    house.arrive("ann1")
    house.arrive("ann2", takes=["ann1"])
    house.arrive("ann3")
    assert house.holders == ["ann1", "ann3"], "a job that waits for a video blocks nobody"
    house.submit("ann1")
    house.generated("ann1")
    assert house.admitted == ["ann1", "ann3"], "the video is not archived yet"
    house.complete("ann1")
    assert house.admitted == ["ann1", "ann3", "ann2"]
    assert nobody_is_awaited(house, "ann1")


def test_a_job_does_not_wait_for_an_existing_video(house: House) -> None:
    house.arrive("ann1")
    house.make("ann1")
    house.arrive("ann2", takes=["ann1"])
    assert house.holders == ["ann2"]
    assert nobody_is_awaited(house, "ann1")


def test_a_job_waits_for_the_last_of_several_videos(house: House) -> None:
    house.arrive("ann1", "ann2")
    house.arrive("ann3", takes=["ann1", "ann2"])
    house.make("ann2")
    assert "ann3" not in house.admitted
    house.make("ann1")
    assert house.admitted[-1] == "ann3"
    assert nobody_is_awaited(house, "ann1", "ann2")


def test_many_jobs_can_wait_for_one_video(house: House) -> None:
    house.arrive("ann1")
    house.arrive(*(f"ann{number}" for number in range(2, 7)), takes=["ann1"])
    house.make("ann1")
    assert house.holders == ["ann2", "ann3"], "no more than there are slots"
    house.end("ann2", "ann3")
    assert house.holders == ["ann4", "ann5"]


def test_a_chain_continues_and_fails_step_by_step(house: House) -> None:
    house.arrive("ann1")
    house.arrive("ann2", takes=["ann1"])
    house.arrive("ann3", takes=["ann2"])
    house.make("ann1")
    assert (house.admitted, house.holders) == (["ann1", "ann2"], ["ann2"])
    house.end("ann2")
    assert failure(house, "ann3").endswith("Generation ann2, whose video is an input, failed: GenerationFailed: no")
    assert house.admitted == ["ann1", "ann2", "ann3"], "its workflow continues and finds that it has ended"
    assert house.record("ann3").submission is None
    assert house.holders == []


@pytest.mark.parametrize("name", ["Cancelled", "SubmissionUnknown"])
def test_a_job_fails_without_charge_however_the_other_one_failed(house: House, name: str) -> None:
    house.arrive("ann1")
    house.arrive("ann2", takes=["ann1"])
    house.ledger.fail(Run("ann1", 0), Failure(name, "no"))
    house.close("ann1")
    assert failure(house, "ann2").startswith("InputUnavailable: Generation ann1, whose video is an input, failed: ")
    assert house.record("ann2").submission is None


def test_a_job_fails_immediately_if_the_other_has_already_failed(house: House) -> None:
    house.arrive("ann1")
    house.end("ann1")
    house.accept("ann2", takes=["ann1"])
    with pytest.raises(InputUnavailable, match="failed"):
        house.admission.admit(Run("ann2"), "ann2")
    assert nobody_is_awaited(house, "ann1")


def test_a_deleted_generation_is_not_waited_for(house: House) -> None:
    house.arrive("ann1")
    house.make("ann1")
    house.ledger.delete(house.record("ann1"))
    house.accept("ann2", takes=["ann1"])
    with pytest.raises(InputUnavailable, match="was deleted"):
        house.admission.admit(Run("ann2"), "ann2")
    assert nobody_is_awaited(house, "ann1")


def test_no_job_waits_for_another_owners_video(house: House) -> None:
    """This holds even if a record names it. The request was checked when it was accepted."""
    house.arrive("bob1")
    house.accept("ann1", takes=["bob1"])
    with pytest.raises(InputUnavailable):
        house.admission.admit(Run("ann1"), "ann1")
    assert nobody_is_awaited(house, "bob1")


def test_a_job_cancelled_while_waiting_is_not_admitted(house: House) -> None:
    house.arrive("ann1")
    house.arrive("ann2", takes=["ann1"])
    house.ledger.fail(Run("ann2", 0), Failure("Cancelled", "by its owner"))
    house.close("ann2")
    house.make("ann1")
    assert house.holders == []
    assert house.table.waiting()[0] == []
    assert nobody_is_awaited(house, "ann1")
    assert failure(house, "ann2") == "Cancelled: by its owner"


def test_a_job_that_died_and_was_cancelled_leaves_no_note(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its Admit dies between the note and the second look at the other job."""
    house.arrive("ann1")
    house.accept("ann2", takes=["ann1"])
    monkeypatch.setattr(house.ledger, "submission", die)
    with pytest.raises(Died):
        house.admission.admit(Run("ann2"), "ann2")
    monkeypatch.undo()
    house.ledger.fail(Run("ann2"), Failure("Cancelled", "by its owner"))
    house.close("ann2")
    house.make("ann1")
    assert nobody_is_awaited(house, "ann1")


def test_a_job_deleted_while_another_ends_is_skipped(house: House) -> None:
    house.arrive("ann1")
    house.arrive("ann2", takes=["ann1"])
    house.end("ann2")
    house.ledger.delete(house.record("ann2"))
    house.arrive("ann3", takes=["ann1"])
    house.make("ann1")
    assert house.holders == ["ann3"]
    assert nobody_is_awaited(house, "ann1")


def test_an_end_between_check_and_note_is_not_missed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either the job that ends finds that it is awaited, or the waiting one finds that it has ended."""
    house.arrive("ann1")
    house.submit("ann1")
    house.generated("ann1")
    await_end = house.table.await_end

    def end_first(source: Run, waiting: str) -> None:
        monkeypatch.undo()
        house.complete("ann1")
        await_end(source, waiting)

    monkeypatch.setattr(house.table, "await_end", end_first)
    house.arrive("ann2", takes=["ann1"])
    assert house.holders == ["ann2"]
    assert nobody_is_awaited(house, "ann1")


def test_admitting_twice_changes_nothing_but_the_token(house: House) -> None:
    house.arrive("ann1")
    house.arrive("ann2", takes=["ann1"])
    house.admission.admit(Run("ann2"), "ann2 again")
    house.make("ann1")
    assert house.admitted == ["ann1", "ann2 again"]
    assert house.holders == ["ann2"]


@pytest.mark.parametrize("step", ["resume", "grant_slots", "wake", "_has_inputs"])
def test_a_sweep_repairs_a_crash_while_resuming_others(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    house.arrive("ann1")
    house.arrive("ann2", "ann3", takes=["ann1"])
    house.submit("ann1")
    house.generated("ann1")
    with monkeypatch.context() as broken:
        broken.setattr(Admission, step, die)
        with pytest.raises(Died):
            house.complete("ann1")
    assert house.record("ann1").announced_at is None, "an announced end would not be repaired"
    house.executions.known["ann1"] = None
    house.executions.stop(Run("ann1"))
    house.sweep()
    assert sorted(house.admitted) == ["ann1", "ann2", "ann3"]
    assert house.record("ann1").announced_at
    assert nobody_is_awaited(house, "ann1")


def test_an_error_with_a_waiting_job_delays_the_announced_mark(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.arrive("ann1")
    house.arrive("ann2", "ann3", takes=["ann1"])
    house.submit("ann1")
    house.generated("ann1")
    resume = Admission.resume

    def fail_once(self: Admission, generation: Generation) -> None:
        monkeypatch.undo()
        if generation.generation_id == "ann2":
            raise ConnectionError
        resume(self, generation)

    monkeypatch.setattr(Admission, "resume", fail_once)
    with pytest.raises(ConnectionError):
        house.complete("ann1")
    assert sorted(house.table.awaiting("ann1")) == [("ann2", "ann1"), ("ann3", "ann1")]
    house.close("ann1")  # its function is invoked again
    assert sorted(house.holders) == ["ann2", "ann3"]


def test_a_rescued_job_waits_again_for_a_rescued_one(house: House) -> None:
    house.arrive("ann1")
    house.arrive("ann2", takes=["ann1"])
    house.ledger.fail(Run("ann1", 0), Failure("ProviderOutOfCredits", "no"))
    house.close("ann1")
    house.close("ann2")  # by its workflow
    executions: Any = house.executions
    first = rescue("ann1", house.ledger, executions)
    second = rescue("ann2", house.ledger, executions)
    house.admission.admit(second.run, "ann2-1")
    house.admission.admit(first.run, "ann1-1")
    assert house.holders == ["ann1"]
    house.make("ann1")
    assert house.holders == ["ann2"]
    assert house.record("ann2").status is Status.QUEUED


def test_a_rescue_during_notifications_is_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new note that it waits is not removed with the earlier one."""
    house.arrive("ann1")
    house.arrive("ann2", takes=["ann1"])
    house.ledger.fail(Run("ann1", 0), Failure("ProviderOutOfCredits", "no"))
    executions: Any = house.executions
    awaiting = house.table.awaiting

    def rescue_first(source: str) -> list[tuple[str, str]]:
        monkeypatch.undo()
        house.ledger.announced(house.record("ann1"))
        rescue("ann1", house.ledger, executions)
        return awaiting(source)

    monkeypatch.setattr(house.table, "awaiting", rescue_first)
    house.close("ann1")
    assert house.record("ann2").error is None
    house.admission.admit(Run("ann1", 1), "ann1-1")
    house.make("ann1")
    assert house.holders == ["ann2"], "without a sweep"
    assert nobody_is_awaited(house, "ann1")


def test_a_rescue_between_check_and_note_is_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.arrive("ann1")
    executions: Any = house.executions
    await_end = house.table.await_end

    def rescue_first(source: Run, waiting: str) -> None:
        monkeypatch.undo()
        house.ledger.fail(Run("ann1", 0), Failure("ProviderOutOfCredits", "no"))
        house.close("ann1")
        rescue("ann1", house.ledger, executions)
        await_end(source, waiting)

    monkeypatch.setattr(house.table, "await_end", rescue_first)
    house.arrive("ann2", takes=["ann1"])
    house.admission.admit(Run("ann1", 1), "ann1-1")
    house.make("ann1")
    assert house.holders == ["ann2"]
    assert nobody_is_awaited(house, "ann1")


def test_a_submitted_job_is_not_failed_by_an_outdated_check(house: House) -> None:
    """It is paid for."""
    house.arrive("ann1")
    house.arrive("ann2", takes=["ann1"])
    as_it_waited = house.record("ann2")
    house.make("ann1")
    house.submit("ann2")
    house.ledger.delete(house.record("ann1"))
    house.admission.resume(as_it_waited)
    assert house.record("ann2").status is Status.GENERATING
    house.admission.resume(house.record("ann2"))
    assert house.record("ann2").status is Status.GENERATING


def test_a_sweep_repairs_a_lost_note(house: House) -> None:
    house.arrive("ann1")
    house.arrive("ann2", takes=["ann1"])
    house.table.stop_awaiting("ann1", "ann2", "ann1")
    house.make("ann1")
    assert "ann2" not in house.admitted
    house.sweep()
    assert house.holders == ["ann2"]


def test_a_job_continues_with_a_replacement_video(house: House) -> None:
    """A retry of a batch generates a failed row again, and the rows that use its video use the new one."""
    house.arrive("ann1")
    house.end("ann1")
    house.ledger.retried_as(house.record("ann1"), "ann2")
    house.arrive("ann2")
    house.arrive("ann3", takes=["ann1"])
    assert house.holders == ["ann2"]
    house.make("ann2")
    assert house.holders == ["ann3"]
    assert nobody_is_awaited(house, "ann1", "ann2")
