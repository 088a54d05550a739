"""A request that comes as an event on the bus."""

from typing import Any

from core.errors import IdempotencyConflict, InvalidRequest
from core.generation import Source
from core.intake.accept import accept, refuse
from core.models import Models
from core.publish.announcer import Announcer
from core.records.ledger import Ledger
from core.workflow import Workflow


def take_event(
    event: dict[str, Any],
    owner: str,
    default_model: str,
    models: Models,
    ledger: Ledger,
    workflow: Workflow,
    announcer: Announcer,
) -> None:
    """Accept or refuse the request in an EventBridge event `Generation Requested`.

    The event's id, or a key that it brings, makes a repetition the same generation.
    """
    detail = event["detail"]
    request = {"model": default_model, **{name: value for name, value in detail.items() if name != "idempotency_key"}}
    source, key = Source("event", event["id"]), str(detail.get("idempotency_key") or event["id"])
    try:
        accept(request, owner, source, key, models, ledger, workflow)
    except (InvalidRequest, IdempotencyConflict) as error:
        # By its own id: the key stays free for the request as it should have been.
        refuse(error, owner, source, event["id"], ledger, announcer)
