"""Accepting a request: one record and one execution a generation, wherever it came from and however often."""

from core.errors import Deleted, IdempotencyConflict, PromptreelError
from core.generation import Failure, Generation, Source, fingerprint, generation_id_for
from core.models import Models
from core.models.validation import validate
from core.publish.announcer import Announcer
from core.records.ledger import Ledger
from core.workflow import Workflow

MAX_REASON = 2000  # characters: an announcement holds 256 KiB
BatchRow = tuple[str, int]  # the batch's id, and the row's number from 1


def accept(
    request: object,
    owner: str,
    source: Source,
    idempotency_key: str | None,
    models: Models,
    ledger: Ledger,
    workflow: Workflow | None,
    *,
    row: BatchRow | None = None,
) -> Generation:
    """The generation for this request: a new one, or the one that was accepted under the idempotency key before.

    Without a `workflow` it is recorded only: a batch starts it itself. Raises `InvalidRequest` before anything is
    recorded, `IdempotencyConflict` if the key stands for another request.
    """
    valid = validate(request, models)
    try:
        generation, is_new = ledger.add(_generation(valid, owner, source, idempotency_key, ledger, row))
    except Deleted:
        raise IdempotencyConflict(
            f"Idempotency key {idempotency_key!r} was used for a generation that was deleted: use a new key."
        ) from None
    if not is_new and fingerprint(generation.request) != fingerprint(valid):
        raise IdempotencyConflict(
            f"Idempotency key {idempotency_key!r} was used for another request: use a new key for a new request."
        )
    if workflow and not generation.status.ended:
        workflow.start(generation.run)
    return generation


def refuse(
    error: PromptreelError,
    owner: str,
    source: Source,
    key: str,
    ledger: Ledger,
    announcer: Announcer,
    *,
    request: object = None,
    row: BatchRow | None = None,
) -> Generation | None:
    """What cannot be accepted, and has nobody to answer to, is a generation that has failed: in its owner's list with
    the reason, and announced. None if its owner has seen and deleted it.

    A `request` is kept only if it has the form of one: anything else may be of any size.
    """
    failure = Failure(type(error).__name__, str(error)[:MAX_REASON])
    asked = request if isinstance(request, dict) else {}
    try:
        refused = ledger.add_failed(_generation(asked, owner, source, key, ledger, row), failure)
    except Deleted:
        return None
    announcer.announce(refused.generation_id, ledger)
    return refused


def _generation(
    request: dict[str, object], owner: str, source: Source, key: str | None, ledger: Ledger, row: BatchRow | None
) -> Generation:
    now = ledger.now()
    return Generation(
        generation_id=generation_id_for(owner, source.kind, key),
        owner=owner,
        request=request,
        source=source,
        created_at=now,
        updated_at=now,
        batch_id=row and row[0],
        row_number=row and row[1],
    )
