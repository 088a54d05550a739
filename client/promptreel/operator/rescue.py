"""Continue failed generations with what the provider already has."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from core import errors, rescue
from core.generation import Generation as Recorded
from core.generation import Status, iso
from core.publish.views import as_provider_object
from core.records.items import as_generation
from core.records.ledger import Ledger
from core.records.table import write
from core.workflow import Workflow
from promptreel.errors import PromptreelError
from promptreel.generation import Generation
from promptreel.operator import provider_key
from promptreel.operator.deployment import Deployment
from promptreel.operator.tables import items


def rescue_failed(deployment: Deployment, generation_id: str) -> Generation:
    """Start the workflow of a failed generation again without submitting it twice, and return the generation."""
    return _go_on(deployment, partial(rescue.rescue, generation_id))


def failed_with(deployment: Deployment, error: str, since: timedelta) -> list[Recorded]:
    """Return the generations of all owners that failed with this error in the last `since`, oldest end first.

    This reads the whole table. Its indexes do not contain errors, because this is rare.
    """
    wanted = {":failed": Status.ERROR, ":error": error, ":since": iso(datetime.now(UTC) - since)}
    found = items(
        deployment.client("dynamodb"),
        deployment.output("TableName"),
        FilterExpression="#status = :failed AND #error.#name = :error AND ended_at >= :since",
        ExpressionAttributeNames={"#status": "status", "#error": "error", "#name": "name"},
        ExpressionAttributeValues=write(wanted),
    )
    return sorted(map(as_generation, found), key=lambda one: one.ended_at or one.created_at)


def resolve(deployment: Deployment, generation_id: str, provider_id: str | None) -> Generation:
    """Resolve a submission whose response was lost, and return the generation.

    `provider_id` is the provider's id of the request, or None if the provider did not accept it. Raise
    `PromptreelError` without recording an id that the provider does not show, because it could not be corrected.
    """
    if provider_id is not None:
        try:
            provider_key.provider(deployment).poll(provider_id)
        except errors.PromptreelError as error:
            raise PromptreelError(
                f"Nothing was changed, because the provider does not show the job {provider_id}: copy its id from the "
                f"provider's log, or try again. {error}"
            ) from error
    return _go_on(deployment, partial(rescue.resolve, generation_id, provider_id=provider_id))


def _go_on(deployment: Deployment, how: Callable[..., Recorded]) -> Generation:
    ledger = Ledger(deployment.client("dynamodb"), deployment.output("TableName"), lambda: datetime.now(UTC))
    workflow = Workflow(deployment.client("stepfunctions"), deployment.output("VideoGenerationStateMachineArn"))
    try:
        generation = how(ledger=ledger, workflow=workflow)
    except errors.PromptreelError as error:
        raise PromptreelError(str(error)) from error
    return Generation.from_json(as_provider_object(generation, None))
