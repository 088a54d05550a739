"""Every minute: make good what a function that died left half done."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.records.capacity import Capacity
from core.workflow import Workflow
from wiring import logger
from wiring.places import UsesPlaces, make_capacity
from wiring.workflow import UsesWorkflow, make_workflow


@dataclass(frozen=True)
class Settings(UsesPlaces, UsesWorkflow):
    pass


@cache
def _wired() -> tuple[Capacity, Workflow]:
    s = settings.read(Settings)
    return make_capacity(s), make_workflow(s)


@logger.inject_lambda_context
def handler(_event: dict[str, Any], _context: object) -> None:
    """A scheduled event, whose contents do not matter."""
    capacity, workflow = _wired()
    capacity.sweep(workflow)
