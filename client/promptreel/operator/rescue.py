"""Continue failed generations with what the provider already has."""

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
    """Start the workflow of a failed generation again without submitting it twice, and return the generation."""
    return _go_on(deployment, partial(rescue.rescue, generation_id))


def resolve(deployment: Deployment, generation_id: str, provider_id: str | None) -> Generation:
    """Resolve a submission whose response was lost, and return the generation.

    `provider_id` is the provider's id of the request, or None if the provider did not accept it.
    """
    return _go_on(deployment, partial(rescue.resolve, generation_id, provider_id=provider_id))


def _go_on(deployment: Deployment, how: Callable[..., Recorded]) -> Generation:
    ledger = Ledger(deployment.client("dynamodb"), deployment.output("TableName"), lambda: datetime.now(UTC))
    workflow = Workflow(deployment.client("stepfunctions"), deployment.output("VideoGenerationStateMachineArn"))
    try:
        generation = how(ledger=ledger, workflow=workflow)
    except errors.PromptreelError as error:
        raise PromptreelError(str(error)) from error
    return Generation.from_json(as_provider_object(generation, None))
