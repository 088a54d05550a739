"""Group the stack's capabilities for monitoring."""

from dataclasses import dataclass

from infra.api import Api
from infra.batches import Batches
from infra.triggers import Triggers
from infra.webhooks import Webhooks
from infra.workflow import Workflow


@dataclass(frozen=True)
class Capabilities:
    """All constructs that accept or run jobs."""

    workflow: Workflow
    batches: Batches
    webhooks: Webhooks
    api: Api
    triggers: Triggers
