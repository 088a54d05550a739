"""A failed generation goes on from what the provider already has."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from core import errors, rescue
from core.generation import Generation as Recorded
from core.publish.views import as_provider_object
from core.records.ledger import Ledger
from core.workflow import Workflow
from promptreel.errors import PromptreelError
from promptreel.generation import Generation
from promptreel.operator.deployment import Deployment


def rescue_failed(deployment: Deployment, generation_id: str) -> Generation:
    """Start the workflow of a failed generation again; the generation as it is then. Nothing is submitted twice."""
    return _go_on(deployment, partial(rescue.rescue, generation_id))


def resolve(deployment: Deployment, generation_id: str, provider_id: str | None) -> Generation:
    """Say what became of a submission whose answer was lost: the provider's id of it, None if it was not accepted."""
    return _go_on(deployment, partial(rescue.resolve, generation_id, provider_id=provider_id))


def _go_on(deployment: Deployment, how: Callable[..., Recorded]) -> Generation:
    ledger = Ledger(deployment.client("dynamodb"), deployment.output("TableName"), lambda: datetime.now(UTC))
    workflow = Workflow(deployment.client("stepfunctions"), deployment.output("VideoGenerationStateMachineArn"))
    try:
        generation = how(ledger=ledger, workflow=workflow)
    except errors.PromptreelError as error:
        raise PromptreelError(str(error)) from error
    return Generation.from_json(as_provider_object(generation, None))
