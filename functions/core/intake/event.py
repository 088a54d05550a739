"""Accept a request that arrives as an event on the bus."""

from dataclasses import dataclass
from typing import Any

from core.errors import BudgetExceeded, IdempotencyConflict, InvalidRequest
from core.generation import Label, Source, digest, generation_id_for
from core.intake.accept import Envelope, Intake, Rejections, idempotency_key
from core.intake.labels import name_of, tags_of
from core.webhooks.asked import webhook_of

KEY = "idempotency_key"
OWN = (KEY, "name", "tags", "webhook", "webhook_events")  # read by Promptreel and not sent to the model


@dataclass(frozen=True)
class EventIntake:
    """Accepts requests from the bus. Requests that name no model get `default_model`."""

    intake: Intake
    rejections: Rejections
    default_model: str
    allow_local_webhooks: bool = False

    def accept(self, event: dict[str, Any], owner: str) -> None:
        """Accept or reject the request in an EventBridge event `Generation Requested`.

        Repetitions have the same event id, or the same key in the event, and become the same generation.
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
            self.rejections.reject(error, Envelope(digest("refused", event["id"]), owner, source))

    def _label(self, detail: dict[str, Any]) -> Label:
        events = detail.get("webhook_events")
        webhook = webhook_of(detail.get("webhook"), events, local=self.allow_local_webhooks)
        return Label(name_of(detail.get("name")), tags_of(detail.get("tags")), webhook)
