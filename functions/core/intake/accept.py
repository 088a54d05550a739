"""Accept a request: one record and one execution for each generation, even if the request is repeated."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core.errors import Deleted, IdempotencyConflict, InvalidRequest, PromptreelError
from core.generation import NO_LABEL, BatchRow, Failure, Generation, Given, Label, Source, fingerprint
from core.inputs.files import Inputs
from core.inputs.references import Referring, named, referring
from core.intake.repeats import Repeated, Repeats, Sending
from core.models import Input, Models
from core.models.validation import check
from core.money.accounts import Accounts
from core.publish.announcer import Announcer
from core.records.ledger import Ledger
from core.records.table import Others, Together
from core.workflow import Workflow

MAX_IDEMPOTENCY_KEY = 255


def idempotency_key(key: object, name: str) -> str:
    """Return the idempotency key of a request. Raise `InvalidRequest`, with the field's `name`, if it is not valid."""
    if not isinstance(key, str) or not re.fullmatch(f"[!-~]{{1,{MAX_IDEMPOTENCY_KEY}}}", key):
        raise InvalidRequest(f"{name} must have 1 to {MAX_IDEMPOTENCY_KEY} ASCII characters, without spaces.", name)
    return key


@dataclass(frozen=True)
class Envelope:
    """The request's generation id, its owner and its source."""

    generation_id: str
    owner: str
    source: Source
    row: BatchRow | None = None  # if the request is a row of a batch
    label: Label = NO_LABEL
    key_line: str | None = None  # the line of the API key of the request, whose budget counts the request
    strict: bool = True  # reject fields and models that are not in the catalogue
    sending: Sending | None = None  # only of a POST without an idempotency key, which may repeat another one


@dataclass(frozen=True)
class Intake:
    """Accepts requests."""

    models: Models
    ledger: Ledger
    inputs: Inputs
    accounts: Accounts
    workflow: Workflow | None  # None for rows, whose batch starts the workflow

    def accept(self, request: object, envelope: Envelope) -> Generation:
        """Record a new generation and start its workflow, or return the one that was accepted before.

        That is the one with this id or, without an idempotency key, the one whose POST this one repeats. Raise
        `InvalidRequest` before anything is recorded, `IdempotencyConflict` if the id is used for another request, and
        `BudgetExceeded` if it may cost too much.
        """
        asked, fields = without_files(request, self.models)
        checked = check(asked.request, self.models, strict=envelope.strict)
        recorded, given = checked.request, None
        try:
            new = _generation(recorded, envelope, self.ledger.now())
            cost = self.accounts.cost_of(recorded, self.models, envelope.owner)
            new = replace(new, cost=cost, unchecked=list(checked.unchecked) or None)
            opening = self._opening(new, envelope)
            # If the request is a repetition, its inputs were checked before and may have expired since.
            if named(recorded, fields) and not self._is_known(new, envelope):
                given = self._given(Referring(recorded, asked.files), fields, envelope)
                if asked.files:
                    opening()  # raises BudgetExceeded before anything is uploaded
                    given = self.inputs.upload(given, asked.files, envelope.owner)
            generation, is_new = self.ledger.add(replace(new, given=given), opening)
        except Repeated as repeated:
            generation, is_new = repeated.generation, False
        except Deleted:
            raise IdempotencyConflict(
                "The idempotency key was used for a generation that was deleted: use a new key."
            ) from None
        if not is_new and fingerprint(generation.request) != fingerprint(recorded):
            raise IdempotencyConflict(
                "The idempotency key was used for another request: use a new key for a new request."
            )
        if self.workflow and not generation.status.ended:
            self.workflow.start(generation.run)
        return generation

    def _is_known(self, new: Generation, envelope: Envelope) -> bool:
        """Return whether the generation exists. Raise `Repeated` if the POST repeats that of another one."""
        if envelope.sending is None:
            return self.ledger.is_known(new.generation_id)
        Repeats(self.ledger).noting(new, envelope.sending)
        return False  # its id is random

    def _opening(self, new: Generation, envelope: Envelope) -> Others:
        """Return the writes that belong in the transaction that records a generation: its hold, and its marker.

        They raise `Repeated` before `BudgetExceeded`, because a repetition costs nothing.
        """
        opening, sending = self.accounts.opening(new, envelope.key_line), envelope.sending
        if sending is None:
            return opening

        def both() -> Together:
            marker = Repeats(self.ledger).noting(new, sending)
            hold = opening()
            return Together(hold.fields, [*hold.updates, marker])

        return both

    def _given(self, asked: Referring, fields: tuple[Input, ...], envelope: Envelope) -> list[Given]:
        batch_id = envelope.row.batch_id if envelope.row else None
        return self.inputs.look(asked, fields, envelope.owner, envelope.generation_id, batch_id)


def without_files(request: object, models: Models) -> tuple[Referring, tuple[Input, ...]]:
    """Return the request without the files of its data: URIs, and its model's fields for files.

    A value that cannot be a request is returned unchanged. Raise `InvalidRequest` for an invalid data: URI.
    """
    model = models.get(request.get("model")) if isinstance(request, dict) else None
    if model is None or not isinstance(request, dict):
        return Referring(request, {}), ()
    return referring(request, model.inputs), model.inputs


@dataclass(frozen=True)
class Rejections:
    """Records the requests that cannot be accepted and have no caller to answer."""

    ledger: Ledger
    announcer: Announcer

    def reject(self, error: PromptreelError, envelope: Envelope, request: object = None) -> Generation | None:
        """Record a failed generation with the reason and announce it. Return None if its owner has deleted it.

        Its id is not the one that the request would be accepted under, which stays free for the corrected request.
        """
        failure = Failure(type(error).__name__, str(error))
        recorded = request if isinstance(request, dict) else {}
        try:
            rejected = self.ledger.add_failed(_generation(recorded, envelope, self.ledger.now()), failure)
        except Deleted:
            return None
        self.announcer.announce(rejected.generation_id, self.ledger)
        return rejected

    def knows(self, generation_id: str) -> bool:
        """Return whether a request was rejected with this id before, even if its owner has deleted that since."""
        return generation_id in self.ledger.find([generation_id])


def _generation(request: dict[str, Any], envelope: Envelope, now: datetime) -> Generation:
    row, label = envelope.row, envelope.label
    return Generation(
        generation_id=envelope.generation_id,
        owner=envelope.owner,
        request=request,
        source=envelope.source,
        created_at=now,
        updated_at=now,
        batch_id=row.batch_id if row else None,
        row_number=row.number if row else None,
        revision=row.revision if row else None,
        batch_run=row.run if row else None,
        name=label.name,
        tags=list(label.tags) or None,
        webhook=label.webhook,
    )
