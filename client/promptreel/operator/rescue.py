"""A failed generation goes on from what the provider already has."""

from datetime import UTC, datetime

from core import errors
from core.publish.views import as_provider_object
from core.records.ledger import Ledger
from core.rescue import rescue as rescue_with
from core.workflow import Workflow
from promptreel.errors import PromptreelError
from promptreel.generation import Generation
from promptreel.operator.deployment import Deployment


def rescue(deployment: Deployment, generation_id: str, provider_id: str | None) -> Generation:
    """Start the workflow of a failed generation again; the generation as it is then. Nothing is submitted twice."""
    ledger = Ledger(deployment.client("dynamodb"), deployment.output("TableName"), lambda: datetime.now(UTC))
    workflow = Workflow(deployment.client("stepfunctions"), deployment.output("VideoGenerationStateMachineArn"))
    try:
        generation = rescue_with(generation_id, ledger, workflow, provider_id)
    except errors.PromptreelError as error:
        raise PromptreelError(str(error)) from error
    return Generation.from_json(as_provider_object(generation, None))
