"""A request that comes as an event on the bus."""

from typing import Any

from core.errors import BudgetExceeded, IdempotencyConflict, InvalidRequest
from core.generation import Source, digest, generation_id_for
from core.inputs.files import Inputs
from core.intake.accept import accept, idempotency_key, refuse
from core.intake.labels import Label, name_of, tags_of
from core.models import Models
from core.money.accounts import Accounts
from core.publish.announcer import Announcer
from core.records.ledger import Ledger
from core.webhooks.asked import webhook_of
from core.workflow import Workflow

KEY = "idempotency_key"
OWN = (KEY, "name", "tags", "webhook", "webhook_events")  # what is for us, and not for the model


def take_event(
    event: dict[str, Any],
    owner: str,
    default_model: str,
    models: Models,
    ledger: Ledger,
    inputs: Inputs,
    accounts: Accounts,
    workflow: Workflow,
    announcer: Announcer,
    *,
    allow_local_webhooks: bool = False,
) -> None:
    """Accept or refuse the request in an EventBridge event `Generation Requested`.

    The event's id, or a key that it brings, makes a repetition the same generation. A `name` and `tags` are the user's.
    """
    detail = event["detail"]
    request = {"model": default_model, **{name: value for name, value in detail.items() if name not in OWN}}
    source = Source("event", event["id"])
    try:
        webhook = webhook_of(detail.get("webhook"), detail.get("webhook_events"), local=allow_local_webhooks)
        label = Label(name_of(detail.get("name")), tags_of(detail.get("tags")), webhook)
        key = idempotency_key(detail[KEY], KEY) if KEY in detail else event["id"]
        generation_id = generation_id_for(owner, source.kind, key)
        accept(request, generation_id, owner, source, models, ledger, inputs, accounts, workflow, label=label)
    except (InvalidRequest, IdempotencyConflict, BudgetExceeded) as error:
        refuse(error, digest("refused", event["id"]), owner, source, ledger, announcer)
