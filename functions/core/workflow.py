"""The workflow of a generation: the executions of video_generation.asl.json and their names."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


@dataclass(frozen=True)
class Run:
    """One run of a generation's workflow: the first one, or the one after `rescues` rescues.

    Only the latest run can write. So a function of an earlier run that is still running, or a late event, cannot change
    a rescued generation.
    """

    generation_id: str
    rescues: int = 0

    @classmethod
    def of(cls, execution: str) -> "Run":
        """Return the run whose execution has this name."""
        generation_id, _, rescues = execution.partition("-")
        return cls(generation_id, int(rescues or 0))

    @classmethod
    def of_state(cls, payload: Mapping[str, Any]) -> "Run":
        """Return the run that invoked a state's function, from its payload."""
        return cls.of(payload["execution"])

    @property
    def input(self) -> str:
        """The input of its execution.

        It has no spaces, because Step Functions writes none when a batch starts the execution. If a name is started
        again, the same input returns the running execution, and another input is an error.
        """
        return json.dumps({"generation_id": self.generation_id}, separators=(",", ":"))

    @property
    def execution(self) -> str:
        """Return the name of the run's execution."""
        return f"{self.generation_id}-{self.rescues}" if self.rescues else self.generation_id


@dataclass(frozen=True)
class Ended:
    """The end of an execution: its status, and the error and cause if it failed."""

    status: str
    error: str = ""
    cause: str = ""


@dataclass(frozen=True)
class Workflow:
    """The state machine that processes generations."""

    stepfunctions: "SFNClient"
    state_machine_arn: str

    def start(self, run: Run) -> None:
        """Start the run's execution, unless it was already started."""
        try:
            self.stepfunctions.start_execution(
                stateMachineArn=self.state_machine_arn,
                name=run.execution,
                input=run.input,
            )
        except self.stepfunctions.exceptions.ExecutionAlreadyExists:
            return

    def stop(self, run: Run) -> None:
        """Stop the run's execution if it is running."""
        try:
            self.stepfunctions.stop_execution(executionArn=self._arn(run))
        except self.stepfunctions.exceptions.ExecutionDoesNotExist:
            return

    def ended(self, run: Run) -> Ended | None:
        """Return how the run's execution ended, or None while it runs. Raise `NotStarted` if it does not exist."""
        try:
            found = self.stepfunctions.describe_execution(executionArn=self._arn(run))
        except self.stepfunctions.exceptions.ExecutionDoesNotExist:
            raise NotStarted from None
        if found["status"] in ("RUNNING", "PENDING_REDRIVE"):
            return None
        return Ended(found["status"], found.get("error", ""), found.get("cause", ""))

    def _arn(self, run: Run) -> str:
        return f"{self.state_machine_arn.replace(':stateMachine:', ':execution:')}:{run.execution}"


class NotStarted(Exception):
    """The run has no execution."""
