"""A request that comes as an event on the bus."""

from dataclasses import dataclass
from typing import Any

from core.errors import BudgetExceeded, IdempotencyConflict, InvalidRequest
from core.generation import Label, Source, digest, generation_id_for
from core.intake.accept import Envelope, Intake, Refusals, idempotency_key
from core.intake.labels import name_of, tags_of
from core.webhooks.asked import webhook_of

KEY = "idempotency_key"
OWN = (KEY, "name", "tags", "webhook", "webhook_events")  # what is for us, and not for the model


@dataclass(frozen=True)
class EventIntake:
    """Takes requests from the bus. Requests that name no model are for `default_model`."""

    intake: Intake
    refusals: Refusals
    default_model: str
    allow_local_webhooks: bool = False

    def take(self, event: dict[str, Any], owner: str) -> None:
        """Accept or refuse the request in an EventBridge event `Generation Requested`.

        The event's id, or a key in the event, makes a repetition the same generation. A `name` and `tags` are the
        user's.
        """
        detail = event["detail"]
        request = {"model": self.default_model, **{name: value for name, value in detail.items() if name not in OWN}}
        source = Source("event", event["id"])
        try:
            label = self._label(detail)
            key = idempotency_key(detail[KEY], KEY) if KEY in detail else event["id"]
            generation_id = generation_id_for(owner, source.kind, key)
            self.intake.accept(request, Envelope(generation_id, owner, source, label=label))
        except (InvalidRequest, IdempotencyConflict, BudgetExceeded) as error:
            self.refusals.refuse(error, Envelope(digest("refused", event["id"]), owner, source))

    def _label(self, detail: dict[str, Any]) -> Label:
        events = detail.get("webhook_events")
        webhook = webhook_of(detail.get("webhook"), events, local=self.allow_local_webhooks)
        return Label(name_of(detail.get("name")), tags_of(detail.get("tags")), webhook)
