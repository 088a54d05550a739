"""Accepting a request: one record and one execution a generation, wherever it came from and however often."""

import re
from dataclasses import dataclass, replace

from core.errors import Deleted, IdempotencyConflict, InvalidRequest, PromptreelError
from core.generation import Failure, Generation, Source, fingerprint
from core.inputs.files import Inputs
from core.inputs.references import named, without_data
from core.intake.labels import NO_LABEL, Label
from core.models import Models
from core.models.validation import validate
from core.money.accounts import Accounts
from core.publish.announcer import Announcer
from core.records.ledger import Ledger
from core.workflow import Workflow

MAX_IDEMPOTENCY_KEY = 255


@dataclass(frozen=True)
class BatchRow:
    """Where a generation is in a batch: the row's number counts from 1, in the batch's revision."""

    batch_id: str
    number: int
    revision: int


def idempotency_key(key: object, name: str) -> str:
    """The key that a request came with, as `name` says it; `InvalidRequest` for anything that is none."""
    if not isinstance(key, str) or not re.fullmatch(f"[!-~]{{1,{MAX_IDEMPOTENCY_KEY}}}", key):
        raise InvalidRequest(
            f"{name} must be a text of 1 to {MAX_IDEMPOTENCY_KEY} characters, ASCII without spaces.", name
        )
    return key


def accept(
    request: object,
    generation_id: str,
    owner: str,
    source: Source,
    models: Models,
    ledger: Ledger,
    inputs: Inputs,
    accounts: Accounts,
    workflow: Workflow | None,
    *,
    row: BatchRow | None = None,
    label: Label = NO_LABEL,
    key_id: str | None = None,
) -> Generation:
    """The generation for this request: a new one, or the one that was accepted under this id before.

    Without a `workflow` it is recorded only: a batch starts it itself. Raises `InvalidRequest` before anything is
    recorded, `IdempotencyConflict` if the id stands for another request, `BudgetExceeded` if it may cost too much.
    """
    asked = validate(request, models)
    model = models.get(asked["model"])
    fields = model.inputs if model else ()
    valid, given = asked, None
    try:
        if named(asked, fields):
            valid = without_data(asked, fields)
            # Of a repetition they may be gone: they were looked at before.
            if not ledger.is_known(generation_id):
                given = inputs.look(asked, fields, owner, generation_id, row.batch_id if row else None)
        new = _generation(valid, generation_id, owner, source, ledger, row, label)
        cost, holding = accounts.hold(accounts.cost_of(asked, models, key_id), owner)
        generation, is_new = ledger.add(replace(new, given=given, cost=cost), holding)
    except Deleted:
        raise IdempotencyConflict(
            "The idempotency key was used for a generation that was deleted: use a new key."
        ) from None
    if not is_new and fingerprint(generation.request) != fingerprint(valid):
        raise IdempotencyConflict("The idempotency key was used for another request: use a new key for a new request.")
    if workflow and not generation.status.ended:
        workflow.start(generation.run)
    return generation


def refuse(
    error: PromptreelError,
    generation_id: str,
    owner: str,
    source: Source,
    ledger: Ledger,
    announcer: Announcer,
    *,
    request: object = None,
    row: BatchRow | None = None,
    label: Label = NO_LABEL,
) -> Generation | None:
    """What cannot be accepted, and has nobody to answer to, is a generation that has failed: in its owner's list with
    the reason, and announced. None if its owner has seen and deleted it.

    Its id is not the one that it would be accepted under, which stays free for the request as it should have been.
    """
    failure = Failure(type(error).__name__, str(error))
    asked = request if isinstance(request, dict) else {}
    try:
        refused = ledger.add_failed(_generation(asked, generation_id, owner, source, ledger, row, label), failure)
    except Deleted:
        return None
    announcer.announce(refused.generation_id, ledger)
    return refused


def _generation(
    request: dict[str, object],
    generation_id: str,
    owner: str,
    source: Source,
    ledger: Ledger,
    row: BatchRow | None,
    label: Label,
) -> Generation:
    now = ledger.now()
    return Generation(
        generation_id=generation_id,
        owner=owner,
        request=request,
        source=source,
        created_at=now,
        updated_at=now,
        batch_id=row.batch_id if row else None,
        row_number=row.number if row else None,
        revision=row.revision if row else None,
        name=label.name,
        tags=list(label.tags) or None,
        webhook=label.webhook,
    )
