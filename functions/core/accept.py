"""Accepting a request: one record and one execution a generation, whichever door it came by and however often."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import IdempotencyConflict
from core.generation import Generation, Source, fingerprint, new_id
from core.ledger import Ledger
from core.models import validate

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


@dataclass(frozen=True)
class Workflow:
    """The state machine that takes a generation from its record to its end."""

    stepfunctions: "SFNClient"
    state_machine_arn: str

    def start(self, generation_id: str) -> None:
        """Start the execution of this name; one that was started before is the one we want."""
        try:
            self.stepfunctions.start_execution(
                stateMachineArn=self.state_machine_arn,
                name=generation_id,
                input=f'{{"generation_id": "{generation_id}"}}',
            )
        except self.stepfunctions.exceptions.ExecutionAlreadyExists:
            return


def accept(
    request: object,
    owner: str,
    source: Source,
    idempotency_key: str | None,
    ledger: Ledger,
    workflow: Workflow,
) -> Generation:
    """The generation for this request: a new one, or with an idempotency key the one that was accepted under it before.

    Raises `InvalidRequest` before anything is recorded, `IdempotencyConflict` if the key stands for another request.
    """
    valid: dict[str, Any] = validate(request)
    now = ledger.now()
    generation, is_new = ledger.add(
        Generation(
            generation_id=new_id(owner, idempotency_key and f"{source.kind}:{idempotency_key}"),
            owner=owner,
            request=valid,
            source=source,
            created_at=now,
            updated_at=now,
        )
    )
    if not is_new and fingerprint(generation.request) != fingerprint(valid):
        raise IdempotencyConflict(
            f"Idempotency key {idempotency_key!r} was used for another request: use a new key for a new request."
        )
    if not generation.status.ended:
        workflow.start(generation.generation_id)
    return generation
