"""Generations over HTTP: the provider's own contract."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.archive.objects import poster_url, presigned_url
from core.archive.retention import KEEP_ALL, Retention
from core.beginning import only
from core.delete import Deletion
from core.errors import Conflict, Contention, Deleted, InvalidRequest, NotFound, VideoExpired
from core.generation import (
    BEGINNING,
    GENERATION_ID,
    ArchivedVideo,
    Generation,
    Label,
    Source,
    Webhook,
    generation_id_for,
    iso,
)
from core.inputs.files import Inputs
from core.inputs.links import latest
from core.intake.accept import Envelope, Intake, idempotency_key
from core.intake.edit import Edit
from core.intake.labels import tags_of
from core.intake.repeats import Repeats, Sending
from core.models import Models
from core.money.accounts import Accounts
from core.publish.names import disposition, download_name
from core.publish.views import as_provider_object, as_timeline
from core.records.lists import Lists
from core.records.wanted import Wanted
from core.slots.table import SlotsTable
from core.webhooks.asked import webhook_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EDITS = 20  # attempts of a change, while others change the name and tags of the same generation


@dataclass(frozen=True)
class Order:
    """The parts of a request for a video."""

    body: object  # its JSON
    request_id: str  # the gateway's
    idempotency_key: str | None
    tags: tuple[str, ...]  # each may hold several, separated by commas
    webhook: str | None
    webhook_events: str | None
    strict: bool  # reject what is not in the catalogue
    sending: Sending  # if it has no idempotency key, it may repeat another one


@dataclass(frozen=True)
class Created:
    """The answer to a request for a video."""

    generation: dict[str, Any]  # in the provider's form
    is_repeated: bool  # it is the generation of an earlier POST without an idempotency key


@dataclass(frozen=True)
class GenerationApi:
    """Creates, shows, cancels and deletes generations. An owner sees only its own."""

    deletion: Deletion
    inputs: Inputs
    accounts: Accounts
    slots: SlotsTable
    models: Callable[[], Models]  # a model's file is read when the model is first needed
    s3: "S3Client"
    url_lifetime_seconds: int
    log: Callable[..., None]  # writes a log line with named values
    short_url: Callable[[Generation], str] | None = None  # for a key whose setting turns short links on
    allow_local_webhooks: bool = False
    retention: Retention = KEEP_ALL

    def create(self, owner: str, order: Order) -> Created:
        """Accept a request and return its generation, or the earlier one that it repeats."""
        key = None if order.idempotency_key is None else idempotency_key(order.idempotency_key, "Idempotency-Key")
        source = Source("api", order.request_id)
        which = generation_id_for(owner, source.kind, key)
        label = Label(tags=tags_of(",".join(order.tags), "tag"), webhook=self._webhook(order))
        deletion = self.deletion
        intake = Intake(
            models=self.models(),
            ledger=deletion.ledger,
            inputs=self.inputs,
            accounts=self.accounts,
            workflow=deletion.workflow,
        )
        envelope = Envelope(
            which,
            owner,
            source,
            label=label,
            key_line=order.sending.key_line,
            strict=order.strict,
            sending=order.sending if key is None else None,
        )
        generation = intake.accept(order.body, envelope)
        is_repeated = generation.generation_id != which
        said = "repeated" if is_repeated else "accepted"
        self.log(said, generation_id=generation.generation_id, owner=owner, model=generation.model)
        return Created(self._shown(generation), is_repeated)

    def _webhook(self, order: Order) -> Webhook | None:
        if order.webhook is None and order.webhook_events is None:
            return None
        return webhook_of(order.webhook, order.webhook_events, local=self.allow_local_webhooks)

    def page(self, owner: str, wanted: Wanted, limit: int, cursor: str | None) -> dict[str, Any]:
        """Return a page of the owner's generations."""
        found, next_cursor = Lists(self.deletion.ledger).page(owner, wanted, limit, cursor)
        return {"data": [self._listed(one) for one in found], "next_cursor": next_cursor}

    def fetch(self, owner: str, key_line: str | None, generation_id: str) -> dict[str, Any]:
        """Return one of the owner's generations, with a fresh link to its video."""
        generation = self._known(owner, key_line, generation_id)
        shown = self._shown(generation)
        if generation.waits_for_slot:
            shown["meta"]["ahead"] = self.slots.ahead(generation)
            shown["meta"]["waits_for"] = self._waits_for(generation)
            shown["meta"]["waits_for_credits"] = self.slots.waits_for_credits(generation) or None
        return shown

    def delete(self, owner: str, key_line: str | None, generation_id: str, *, only_running: bool) -> dict[str, Any]:
        """Cancel a running generation, or delete one that has ended.

        Without `only_running`, a repeated call may find that a cancelled generation has ended, and delete it.
        """
        if re.fullmatch(BEGINNING, generation_id, re.ASCII):
            raise InvalidRequest("The beginning of an id is not enough to cancel or delete. Send the whole id.")
        try:
            known = self._known(owner, key_line, generation_id)
            cancelled = self.deletion.delete(known, only_running=only_running)
        except Deleted:
            cancelled = None
        if cancelled:
            return self._shown(cancelled)
        self.log("deleted", generation_id=generation_id, owner=owner)
        return {"id": generation_id, "deleted": True}

    def edit(self, owner: str, key_line: str | None, generation_id: str, body: object) -> dict[str, Any]:
        """Change the name and tags of one of the owner's generations, and return it.

        Raise `Contention` if others change them all the time.
        """
        generation = self._known(owner, key_line, generation_id)
        edit = Edit.of(body)
        for _ in range(EDITS):
            before = generation.tags or []
            name, tags = edit.name_after(generation), edit.tags_after(before)
            is_same = name == generation.name and tags == before
            if is_same or self.deletion.ledger.relabel(generation, name, tags):
                self.log("edited", generation_id=generation.generation_id, owner=owner, tags=len(tags))
                return self._shown(replace(generation, name=name, tags=tags or None))
            generation = self.own(owner, generation.generation_id)
        raise Contention

    def content(self, owner: str, key_line: str | None, generation_id: str) -> str:
        """Return a link to the video."""
        generation = self._known(owner, key_line, generation_id)
        if generation.error and generation.error.name == VideoExpired.__name__:
            raise VideoExpired(generation.error.message)
        if not generation.video:
            status = self._shown(generation)["status"]
            raise Conflict(f"Generation {generation.generation_id} has no video; its status is {status}.")
        return self._link(generation, generation.video)

    def _link(self, generation: Generation, video: ArchivedVideo) -> str:
        """Return a link for the owner, whose file has words of the prompt in its name."""
        named = disposition(download_name(generation), video.file_name)
        return presigned_url(self.s3, video, self.url_lifetime_seconds, disposition=named)

    def _waits_for(self, generation: Generation) -> list[str] | None:
        """Return the ids of the unfinished generations whose videos this one needs, or None if it needs none."""
        ledger = self.deletion.ledger
        named = dict.fromkeys(given.generation_id for given in generation.given or () if given.generation_id)
        found = [latest(generation_id, ledger) for generation_id in named]
        return [one.generation_id for one in found if isinstance(one, Generation) and not one.status.ended] or None

    def _known(self, owner: str, key_line: str | None, generation_id: str) -> Generation:
        """Return the owner's generation, as `own` does, and record that this line of keys knows it."""
        generation = self.own(owner, generation_id)
        Repeats(self.deletion.ledger).note_fetch(generation, key_line)
        return generation

    def own(self, owner: str, generation_id: str) -> Generation:
        """Return the owner's generation. Raise `Deleted` if the owner deleted it.

        Raise the same `NotFound` for an unknown generation and for one of another owner.
        """
        missing = f"There is no generation {generation_id[:64]}."
        if re.fullmatch(BEGINNING, generation_id, re.ASCII):
            meant = Lists(self.deletion.ledger).meant(owner, generation_id)
            found = {generation.generation_id: generation for generation in meant}
            return self._seen(only(found, generation_id, missing, "generations"))
        if not re.fullmatch(GENERATION_ID, generation_id, re.ASCII):
            raise NotFound(missing)  # the table has other items with other ids
        try:
            generation = self.deletion.ledger.get(generation_id)
        except Deleted as deleted:
            raise (deleted if deleted.owner == owner else NotFound(missing)) from None
        if generation.owner != owner:
            raise NotFound(missing)
        return self._seen(generation)

    def _seen(self, generation: Generation) -> Generation:
        """Return the generation without a video that has expired."""
        return self.retention.seen(generation, self.deletion.ledger.now())

    def _shown(self, generation: Generation) -> dict[str, Any]:
        shown = self._listed(generation)
        shown["meta"]["timeline"] = as_timeline(generation)
        return shown

    def _listed(self, recorded: Generation) -> dict[str, Any]:
        """Return a generation as it is in a list, where it has to be small."""
        generation = self._seen(recorded)
        video, url = generation.video, None
        if video:
            url = self.short_url(generation) if self.short_url else self._link(generation, video)
        shown = as_provider_object(generation, url)
        if video:
            shown["video"]["poster_url"] = poster_url(self.s3, video, self.url_lifetime_seconds)
        expires_at = self.retention.expires_at(generation)
        shown["meta"]["video_expires_at"] = expires_at and iso(expires_at)
        return shown
