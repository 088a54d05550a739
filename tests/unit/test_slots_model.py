"""Test with random histories and crashes that slots are held only by jobs that may hold them.

Hypothesis generates the histories: arrivals (some wait for the videos of others), functions invoked twice, functions
killed before or after a call, lost responses, cancels, deletes, rescues, changed limits and sweeps. Each step checks
the invariants. At the end all jobs run to completion, and nothing may be left.
"""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from moto import mock_aws

from core.errors import Conflict, GenerationEnded, InputUnavailable, NotFound, NotRescuable
from core.generation import Failure, Status, Submission
from core.rescue import rescue, resolve
from core.workflow import Ended
from tests.support.generations import claimed
from tests.support.house import LONGEST, House
from tests.support.tables import keyed_definition, table_definition

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(6 * settings().max_examples)]
OWNERS = ("ann", "bob", "cyd")


class Killed(BaseException):
    """The end of the function: it makes no more calls."""


class Mortal:
    """A DynamoDB client that can kill its caller or lose a response."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.exceptions = real.exceptions
        self.get_paginator = real.get_paginator
        self.revive()

    def revive(self) -> None:
        self.at, self.how, self.is_dead = -1, "", False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        real = getattr(self._real, name)

        def call(**kwargs: Any) -> Any:
            self.at -= 1
            if self.is_dead or (self.at == 0 and self.how == "before"):
                self.is_dead = True
                raise Killed
            answer = real(**kwargs)
            if self.at == 0 and self.how == "after":
                self.is_dead = True
                raise Killed
            if self.at == 0 and self.how == "lost" and name != "transact_write_items":  # AWS makes that one idempotent
                answer = real(**kwargs)  # as the SDK does
            return answer

        return call


class Slots(RuleBasedStateMachine):
    jobs: Bundle[str] = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.aws = mock_aws()
        self.aws.start()
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(TableName="generations", **table_definition())
        client.create_table(TableName="slots", **keyed_definition())
        self.client = Mortal(client)
        self.house = House(self.client, limit=2)  # type: ignore[arg-type]  # it has what is used
        self.names: list[str] = []
        self.admitted: set[str] = set()  # executions whose Admit has returned, so it is not invoked again
        self.held_before = 0
        self.tokens = 0

    def teardown(self) -> None:
        try:
            self._run_out()
        finally:
            self.aws.stop()

    def _maybe_dying(self, fate: tuple[int, str], what: Callable[[], Any]) -> None:
        self.client.at, self.client.how = fate
        try:
            what()
        except (Killed, GenerationEnded, InputUnavailable, NotFound, NotRescuable, Conflict):
            pass
        finally:
            self.client.revive()

    fates = st.one_of(st.just((0, "")), st.tuples(st.integers(1, 14), st.sampled_from(["before", "after", "lost"])))

    @rule(target=jobs, owner=st.sampled_from(OWNERS), fate=fates)
    def arrive(self, owner: str, fate: tuple[int, str]) -> str:
        name = f"{owner}{len(self.names)}"
        self.names.append(name)
        self.house.accept(name)
        self._maybe_dying(fate, lambda: self._admit(name))
        return name

    @rule(target=jobs, source=jobs, fate=fates)
    def arrive_for_the_video_of_another(self, source: str, fate: tuple[int, str]) -> str:
        name = f"{source[:3]}{len(self.names)}"
        self.names.append(name)
        self.house.accept(name, [source])
        self._maybe_dying(fate, lambda: self._admit(name))
        return name

    def _admit(self, name: str) -> None:
        self.tokens += 1
        run = self.house.record(name).run
        try:
            self.house.admission.admit(run, f"{name}/{self.tokens}")
        except InputUnavailable as error:  # the state machine catches this
            self.house.ledger.fail(run, Failure("InputUnavailable", str(error)))
            self.house.close(name)
            raise
        self.admitted.add(run.execution)

    @rule(name=jobs, fate=fates)
    def admit_again(self, name: str, fate: tuple[int, str]) -> None:
        self._maybe_dying(fate, lambda: self._admit(name))

    @rule(name=jobs, fate=fates)
    def submit(self, name: str, fate: tuple[int, str]) -> None:
        def invoke() -> None:
            if any(token.startswith(f"{name}/") for token in self.house.admitted):
                generation = self.house.ledger.get_for(self.house.record(name).run)
                if generation.slot is not None and generation.submission is None:
                    self.house.submit(name)

        self._maybe_dying(fate, invoke)

    @rule(name=jobs, fate=fates, well=st.booleans())
    def the_provider_ends(self, name: str, fate: tuple[int, str], *, well: bool) -> None:
        self.house.provider.working.discard(name)

        def told() -> None:
            generation = self.house.ledger.get_for(self.house.record(name).run)
            if generation.submission is Submission.SUBMITTED and well:
                self.house.ledger.provider_finished(generation.run, {"url": "x"}, 1)
                self.house.admission.release(name)
            elif generation.submission is Submission.SUBMITTED:
                self.house.end(name)

        self._maybe_dying(fate, told)

    @rule(name=jobs, fate=fates)
    def finalize(self, name: str, fate: tuple[int, str]) -> None:
        def invoke() -> None:
            if self.house.ledger.get_for(self.house.record(name).run).status is Status.ARCHIVING:
                self.house.complete(name)

        self._maybe_dying(fate, invoke)

    @rule(name=jobs, fate=fates)
    def cancel(self, name: str, fate: tuple[int, str]) -> None:
        def by_its_owner() -> None:
            self.house.ledger.fail(self.house.record(name).run, Failure("Cancelled", "by its owner"))
            self.house.executions.stop(self.house.record(name).run)
            self.house.close(name)

        self._maybe_dying(fate, by_its_owner)

    @rule(name=jobs, fate=fates)
    def rescue(self, name: str, fate: tuple[int, str]) -> None:
        executions: Any = self.house.executions
        self._maybe_dying(fate, lambda: rescue(name, self.house.ledger, executions))

    @rule(name=jobs, fate=fates, was_accepted=st.booleans())
    def resolve(self, name: str, fate: tuple[int, str], *, was_accepted: bool) -> None:
        executions: Any = self.house.executions
        known = name if was_accepted else None
        self._maybe_dying(fate, lambda: resolve(name, self.house.ledger, executions, known))

    @rule(name=jobs, fate=fates)
    def an_answer_is_lost(self, name: str, fate: tuple[int, str]) -> None:
        def sent() -> None:
            generation = self.house.ledger.get_for(self.house.record(name).run)
            if generation.slot is not None and generation.submission is None:
                claimed(self.house.ledger, generation.run)

        self._maybe_dying(fate, sent)

    @rule(name=consumes(jobs), fate=fates)
    def delete(self, name: str, fate: tuple[int, str]) -> None:
        self._maybe_dying(fate, lambda: self.house.ledger.delete(self.house.record(name)))

    @rule(limit=st.integers(1, 4))
    def another_limit(self, limit: int) -> None:
        self.house.limit_to(limit)

    @rule(fate=fates, seconds=st.sampled_from([1, 61, 300]))
    def sweep(self, fate: tuple[int, str], seconds: int) -> None:
        self._maybe_dying(fate, lambda: self._sweep(seconds))

    def _sweep(self, seconds: float) -> None:
        class Objects:
            def remove(self, _: str) -> None:
                """There are none."""

        self.house.clock.forward(seconds)
        objects: Any = Objects()
        self.house.sweeper(objects).run(until=self.house.clock.time)

    @invariant()
    def never_more_than_the_limit_are_let_in(self) -> None:
        held = len(self.house.holders)
        assert held <= max(self.house.limit, self.held_before)
        self.held_before = held

    @invariant()
    def nobody_has_two_slots(self) -> None:
        assert len(set(self.house.holders)) == len(self.house.holders)

    @invariant()
    def what_the_provider_works_on_has_a_slot(self) -> None:
        for name in self.house.provider.working:
            found = self.house.ledger.submission(name)
            assert found is not None
            since = found.submitted_at or found.sending_since or self.house.clock.time
            assert name in self.house.holders or self.house.clock.time - since > LONGEST

    def _run_out(self) -> None:
        """Let every job continue until it ends, with no more deaths, and check that no slot is left held."""
        # First until the provider no longer works on a request whose answer was lost.
        for seconds in (LONGEST.total_seconds() + 1, *[121] * (4 * len(self.names) + 4)):
            self._sweep(seconds)
            self.house.provider.working.clear()
            for name in self.names:
                self._go_on(name)
        assert self.house.holders == []
        assert self.house.table.waiting()[0] == []
        assert list(self.house.ledger.watched()) == []
        for name in self.names:
            try:
                record = self.house.record(name)
            except NotFound:
                continue
            assert record.status.ended
            assert record.announced_at is not None
        for name in self.names:
            assert self.house.table.awaiting(name) == []

    def _go_on(self, name: str) -> None:
        """Do what Step Functions would do with a workflow that has not ended."""
        try:
            generation = self.house.record(name)
            if self.house.executions.known.get(generation.run.execution, "none") is not None:
                return
            if generation.status is Status.ERROR:
                self.house.close(name)  # RecordFailure died after recording, and is invoked again
            elif generation.status is Status.COMPLETED:
                self.house.close(name)
            elif generation.status is Status.QUEUED and generation.slot is None and generation.submission is None:
                if generation.run.execution not in self.admitted:
                    self._admit(name)
            elif generation.status is Status.ARCHIVING:
                self.house.admission.release(name)
                self.house.complete(name)
            elif generation.submission is Submission.SENDING:
                self.house.ledger.fail(generation.run, Failure("SubmissionUnknown", "lost"))
                self.house.close(name)
            elif not generation.status.ended:
                self.house.end(name)
            self.house.executions.known[generation.run.execution] = (
                Ended("FAILED") if self.house.record(name).status.ended else None
            )
        except (GenerationEnded, InputUnavailable, NotFound):
            return


Slots.TestCase.settings = settings(
    max_examples=settings().max_examples // 8,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestSlots = Slots.TestCase


def test_a_cancelled_job_with_a_lost_response_frees_its_slot() -> None:
    """Hypothesis found this: the slot stays taken for as long as the provider may work."""
    state = Slots()
    name = state.arrive(owner="cyd", fate=(0, ""))
    state.an_answer_is_lost(name=name, fate=(0, ""))
    state.cancel(name=name, fate=(0, ""))
    assert state.house.holders == [name]
    state.teardown()


def test_a_job_cancelled_while_its_admit_dies_leaves_no_note() -> None:
    """Hypothesis found this: the table of slots kept the note that the job waits for another one."""
    state = Slots()
    source = state.arrive(owner="ann", fate=(0, ""))
    name = state.arrive_for_the_video_of_another(source=source, fate=(7, "before"))
    state.cancel(name=name, fate=(0, ""))
    state.teardown()
