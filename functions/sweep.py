"""Every minute: make good what a function that died left half done."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.accept import Workflow
from core.capacity import Capacity
from wiring import client, logger, now


@dataclass(frozen=True)
class Settings:
    table_name: str
    in_flight_limit: int
    state_machine_arn: str


@cache
def _wired() -> tuple[Capacity, Workflow]:
    s = settings.read(Settings)
    stepfunctions = client("stepfunctions")
    capacity = Capacity(client("dynamodb"), s.table_name, stepfunctions, s.in_flight_limit, now)
    return capacity, Workflow(stepfunctions, s.state_machine_arn)


@logger.inject_lambda_context
def handler(_event: dict[str, Any], _context: object) -> None:
    """A scheduled event, whose contents do not matter."""
    capacity, workflow = _wired()
    capacity.sweep(workflow)
