"""The executions of batches: prompt_batch.asl.json runs one for each run of a batch, under the run's id."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.batches.run import BatchRun

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_BROKEN = ("FAILED", "ABORTED", "TIMED_OUT")


@dataclass(frozen=True)
class BatchExecutions:
    """Starts executions, and looks up how they ended. `bucket` has the rows and the results."""

    stepfunctions: "SFNClient"
    state_machine_arn: str
    bucket: str

    def start(self, run: BatchRun) -> None:
        """Start the run's execution, unless it was started before."""
        try:
            self.stepfunctions.start_execution(
                stateMachineArn=self.state_machine_arn, name=run.id, input=run.to_input(self.bucket)
            )
        except self.stepfunctions.exceptions.ExecutionAlreadyExists:
            return

    def is_broken(self, run_id: str) -> bool:
        """Return whether the run's execution broke off or was aborted, even if no report says so."""
        arn = self.state_machine_arn.replace(":stateMachine:", ":execution:")
        try:
            found = self.stepfunctions.describe_execution(executionArn=f"{arn}:{run_id}")
        except self.stepfunctions.exceptions.ExecutionDoesNotExist:
            return False
        return found["status"] in _BROKEN
