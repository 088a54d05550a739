"""The capabilities of the stack, for the constructs that watch all of them."""

from dataclasses import dataclass

from infra.api import Api
from infra.batches import Batches
from infra.triggers import Triggers
from infra.webhooks import Webhooks
from infra.workflow import Workflow


@dataclass(frozen=True)
class Capabilities:
    """Every construct that runs jobs or takes them."""

    workflow: Workflow
    batches: Batches
    webhooks: Webhooks
    api: Api
    triggers: Triggers
