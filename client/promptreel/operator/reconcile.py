"""Reconcile a day's charges by invoking the function that also runs every night."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

from promptreel.errors import PromptreelError
from promptreel.operator.deployment import Deployment

LONGEST_SECONDS = 900  # Lambda's limit; the function returns sooner


def reconcile(deployment: Deployment, day: date, on_pause: Callable[[], None]) -> dict[str, Any]:
    """Return the totals of a day (UTC) once its report has been written.

    `on_pause` is called each time the function has to be invoked again because one invocation was too short. Raise
    `PromptreelError` if the function fails.
    """
    # No retries by the SDK: an invocation whose response is lost keeps running and does no harm.
    lambdas = deployment.client("lambda", read_timeout=LONGEST_SECONDS, retries={"total_max_attempts": 1})
    asked = {
        "FunctionName": deployment.output("ReconcileFunctionName"),
        "Payload": json.dumps({"day": day.isoformat()}),
    }
    while True:
        answer = lambdas.invoke(**asked)
        said = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            reason = f"{said.get('errorType', 'error')}: {said.get('errorMessage', '')}"
            raise PromptreelError(f"The day could not be reconciled ({reason}): try again, or see the function's log.")
        if said["days"]:
            sums: dict[str, Any] = said["days"][0]
            return sums
        on_pause()
