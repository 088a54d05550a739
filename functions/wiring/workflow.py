"""The workflow of a generation."""

from dataclasses import dataclass

import wiring
from core.workflow import Workflow


@dataclass(frozen=True)
class UsesWorkflow:
    state_machine_arn: str


def make_workflow(settings: UsesWorkflow) -> Workflow:
    """Return the state machine."""
    return Workflow(wiring.client("stepfunctions"), settings.state_machine_arn)
