"""Accepting a request: one record and one execution a generation, whichever door it came by and however often."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import Forgotten, IdempotencyConflict
from core.generation import Generation, Source, fingerprint, new_id
from core.ledger import Ledger
from core.models import Models

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


@dataclass(frozen=True)
class Workflow:
    """The state machine that takes a generation from its record to its end."""

    stepfunctions: "SFNClient"
    state_machine_arn: str

    def start(self, name: str) -> None:
        """Start the execution of this name (`Generation.execution_name`); one started before is the one we want."""
        try:
            self.stepfunctions.start_execution(
                stateMachineArn=self.state_machine_arn,
                name=name,
                input=json.dumps({"generation_id": generation_of(name)}),
            )
        except self.stepfunctions.exceptions.ExecutionAlreadyExists:
            return

    def stop(self, name: str) -> None:
        """Stop the execution of this name, if it runs."""
        arn = self.state_machine_arn.replace(":stateMachine:", ":execution:")
        try:
            self.stepfunctions.stop_execution(executionArn=f"{arn}:{name}")
        except self.stepfunctions.exceptions.ExecutionDoesNotExist:
            return


def generation_of(execution_name: str) -> str:
    """The id of the generation whose execution has this name."""
    return execution_name.partition("-")[0]


def accept(
    request: object,
    owner: str,
    source: Source,
    idempotency_key: str | None,
    models: Models,
    ledger: Ledger,
    workflow: Workflow | None,
    *,
    batch: tuple[str, int] | None = None,
) -> Generation:
    """The generation for this request: a new one, or the one that was accepted under the idempotency key before.

    Without a `workflow` it is recorded only: a batch starts it itself. Raises `InvalidRequest` before anything is
    recorded, `IdempotencyConflict` if the key stands for another request.
    """
    valid = models.validate(request)
    now = ledger.now()
    wanted = Generation(
        generation_id=new_id(owner, idempotency_key and f"{source.kind}:{idempotency_key}"),
        owner=owner,
        request=valid,
        source=source,
        created_at=now,
        updated_at=now,
        batch_id=batch and batch[0],
        row_number=batch and batch[1],
    )
    try:
        generation, is_new = ledger.add(wanted)
    except Forgotten:
        raise IdempotencyConflict(
            f"Idempotency key {idempotency_key!r} was used for a generation that was deleted: use a new key."
        ) from None
    if not is_new and fingerprint(generation.request) != fingerprint(valid):
        raise IdempotencyConflict(
            f"Idempotency key {idempotency_key!r} was used for another request: use a new key for a new request."
        )
    if workflow and not generation.status.ended:
        workflow.start(generation.execution_name)
    return generation
