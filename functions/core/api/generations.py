"""Generations over HTTP: the provider's own contract."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from core.api import listing
from core.api.beginning import only
from core.api.http import Answer, Request, as_json, as_text
from core.archive.objects import presigned_url
from core.delete import Deletion
from core.errors import Conflict, Deleted, InvalidRequest, NotFound
from core.generation import BEGINNING, GENERATION_ID, Generation, Label, Source, Webhook, generation_id_for
from core.inputs.files import Inputs
from core.inputs.links import latest
from core.intake.accept import Envelope, Intake, idempotency_key
from core.intake.labels import HEADER, tags_of
from core.models import Models
from core.models.validation import parse_json
from core.money.accounts import Accounts
from core.places.table import PlacesTable
from core.publish.views import as_provider_object
from core.records.lists import Lists

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_BODY_BYTES = 256 << 10


@dataclass(frozen=True)
class GenerationApi:
    """What a user may do to generations. An owner sees its own alone."""

    deletion: Deletion
    inputs: Inputs
    accounts: Accounts
    places: PlacesTable
    models: Callable[[], Models]  # their files are read only when somebody asks for one of them
    s3: "S3Client"
    url_lifetime_seconds: int
    log: Callable[..., None]  # of what was done, by name
    allow_local_webhooks: bool = False

    def create(self, request: Request) -> Answer:
        """Accept a request: its generation, `queued` unless an idempotency key finds an older one."""
        owner, key = request.owner, request.headers.get("idempotency-key")
        source = Source("api", request.id)
        which = generation_id_for(owner, source.kind, None if key is None else idempotency_key(key, "Idempotency-Key"))
        tags = (request.query.get("tag", ""), request.headers.get(HEADER, ""))
        label = Label(tags=tags_of(",".join(tags), "tag"), webhook=self._webhook(request))
        body, models, deletion = body_of(request), self.models(), self.deletion
        intake = Intake(models, deletion.ledger, self.inputs, self.accounts, deletion.workflow)
        generation = intake.accept(body, Envelope(which, owner, source, label=label, key_id=request.key_id))
        self.log("accepted", generation_id=generation.generation_id, owner=owner, model=generation.model)
        return as_json(self._shown(generation))

    def _webhook(self, request: Request) -> Webhook | None:
        if not {"webhook", "webhook_events"} & request.query.keys():
            return None
        from core.webhooks.asked import webhook_of  # noqa: PLC0415 - few requests name one

        url, events = request.query.get("webhook"), request.query.get("webhook_events")
        return webhook_of(url, events, local=self.allow_local_webhooks)

    def fetch_or_list(self, request: Request) -> Answer:
        """One generation of the caller's own, with a fresh link to its video; without an id, a page of them."""
        if "generation_id" in request.query:
            return self.fetch(request)
        found, next_cursor = Lists(self.deletion.ledger).page(request.owner, *listing.read(request.query))
        return as_json({"data": [self._shown(one) for one in found], "next_cursor": next_cursor})

    def fetch(self, request: Request) -> Answer:
        """One generation of the caller's own, with a fresh link to its video."""
        generation = self._own(request.owner, _generation_id(request))
        shown = self._shown(generation)
        if generation.waits_for_place:
            shown["meta"]["ahead"] = self.places.ahead(generation)
            shown["meta"]["waits_for"] = self._waits_for(generation)
        return as_json(shown)

    def delete(self, request: Request) -> Answer:
        """Cancel what has not ended, delete what has; again, the same answer."""
        owner, generation_id = request.owner, _generation_id(request)
        if re.fullmatch(BEGINNING, generation_id, re.ASCII):
            raise InvalidRequest("The beginning of an id is not enough to cancel or delete: name the whole of it.")
        only_running = request.query.get("only_running") == "true"
        try:
            cancelled = self.deletion.delete(self._own(owner, generation_id), only_running=only_running)
        except Deleted:
            cancelled = None
        if cancelled:
            return as_json(self._shown(cancelled))
        self.log("deleted", generation_id=generation_id, owner=owner)
        return as_json({"id": generation_id, "deleted": True})

    def content(self, request: Request) -> Answer:
        """Where the video is."""
        generation = self._own(request.owner, request.named["id"])
        shown = self._shown(generation)
        if not generation.video:
            raise Conflict(f"Generation {generation.generation_id} has no video; its status is {shown['status']}.")
        return as_text("", "application/json", HTTPStatus.FOUND, {"Location": shown["video"]["url"]})

    def _waits_for(self, generation: Generation) -> list[str] | None:
        """The generations whose videos it takes, as far as they have not ended; None if there are none."""
        ledger = self.deletion.ledger
        named = dict.fromkeys(given.generation_id for given in generation.given or () if given.generation_id)
        found = [latest(generation_id, ledger) for generation_id in named]
        return [one.generation_id for one in found if isinstance(one, Generation) and not one.status.ended] or None

    def _own(self, owner: str, generation_id: str) -> Generation:
        """The owner's generation; the answer is the same for another's as for one that does not exist."""
        missing = f"There is no generation {generation_id[:64]}."
        if re.fullmatch(BEGINNING, generation_id, re.ASCII):
            meant = Lists(self.deletion.ledger).meant(owner, generation_id)
            found = {generation.generation_id: generation for generation in meant}
            return only(found, generation_id, missing, "generations")
        if not re.fullmatch(GENERATION_ID, generation_id, re.ASCII):
            raise NotFound(missing)  # the table holds other things, under other names
        try:
            generation = self.deletion.ledger.get(generation_id)
        except Deleted as deleted:
            raise (deleted if deleted.owner == owner else NotFound(missing)) from None
        if generation.owner != owner:
            raise NotFound(missing)
        return generation

    def _shown(self, generation: Generation) -> dict[str, Any]:
        video = generation.video
        link = presigned_url(self.s3, video, self.url_lifetime_seconds) if video else None
        return as_provider_object(generation, link)


def _generation_id(request: Request) -> str:
    generation_id = request.query.get("generation_id")
    if not generation_id:
        raise InvalidRequest("The query parameter `generation_id` is required.", "generation_id")
    return generation_id


def body_of(request: Request) -> object:
    """Return the JSON of a request body. Raise `InvalidRequest` for a body that is not JSON."""
    try:
        text = request.content().decode()
    except ValueError:
        raise InvalidRequest("The body must be JSON, as UTF-8 text.") from None
    if len(text.encode()) > MAX_BODY_BYTES:
        raise InvalidRequest(f"The body is too large: at most {MAX_BODY_BYTES} bytes are allowed.")
    try:
        return parse_json(text)
    except ValueError as error:
        raise InvalidRequest(f"The body must be valid JSON: {error}.") from error
