"""The executions of batches: prompt_batch.asl.json runs one for each run of a batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from core.batches.run import BatchRun

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_BROKEN = ("FAILED", "ABORTED", "TIMED_OUT")


@dataclass(frozen=True)
class BatchExecutions:
    """Starts executions, and looks up how they ended."""

    stepfunctions: "SFNClient"
    state_machine_arn: str

    def start(self, run: BatchRun) -> None:
        """Start the run's execution, unless it is running or has succeeded.

        If the last one broke off, start another one. Its rows find their generations.
        """
        for execution in _names(run.execution):
            try:
                self.stepfunctions.start_execution(
                    stateMachineArn=self.state_machine_arn, name=execution, input=run.to_input()
                )
            except self.stepfunctions.exceptions.ExecutionAlreadyExists:
                if self._status_of(execution) in _BROKEN:
                    continue
            return

    def is_broken(self, execution: str) -> bool:
        """Return whether the last execution of this name broke off, even if that was not reported: it may have been
        aborted."""
        status = None
        for one in _names(execution):
            try:
                status = self._status_of(one)
            except self.stepfunctions.exceptions.ExecutionDoesNotExist:
                break
        return status in _BROKEN

    def _status_of(self, execution: str) -> str:
        arn = self.state_machine_arn.replace(":stateMachine:", ":execution:")
        return str(self.stepfunctions.describe_execution(executionArn=f"{arn}:{execution}")["status"])


def _names(execution: str) -> Iterator[str]:
    """Yield the names of the executions that follow each other under one name."""
    return (f"{execution}-{number}" if number else execution for number in count())
