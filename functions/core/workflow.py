"""The workflow of a generation: the executions of video_generation.asl.json, and how they are named."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


@dataclass(frozen=True)
class Workflow:
    """The state machine that takes a generation from its record to its end."""

    stepfunctions: "SFNClient"
    state_machine_arn: str

    def start(self, name: str) -> None:
        """Start the execution of this name (`execution_name`); one started before is the one we want."""
        try:
            self.stepfunctions.start_execution(
                stateMachineArn=self.state_machine_arn,
                name=name,
                input=json.dumps({"generation_id": generation_of(name)}),
            )
        except self.stepfunctions.exceptions.ExecutionAlreadyExists:
            return

    def stop(self, name: str) -> None:
        """Stop the execution of this name, if it runs."""
        arn = self.state_machine_arn.replace(":stateMachine:", ":execution:")
        try:
            self.stepfunctions.stop_execution(executionArn=f"{arn}:{name}")
        except self.stepfunctions.exceptions.ExecutionDoesNotExist:
            return


def execution_name(generation_id: str, rescues: int) -> str:
    """The name of a generation's execution: its id, and after a rescue how many there were."""
    return f"{generation_id}-{rescues}" if rescues else generation_id


def generation_of(execution: str) -> str:
    """The id of the generation whose execution has this name."""
    return execution.partition("-")[0]
