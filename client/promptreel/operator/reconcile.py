"""A day's charges are held against the ledger, by the function that does so every night."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

from promptreel.errors import PromptreelError
from promptreel.operator.deployment import Deployment

LONGEST_SECONDS = 900  # of a function; it stops sooner by itself


def reconcile(deployment: Deployment, day: date, on_pause: Callable[[], None]) -> dict[str, Any]:
    """The sums of a day (UTC), once its report is written. `on_pause` is called whenever the function has to be called
    again, because it takes longer than one call may."""
    # Once: a call whose answer was lost goes on where it is, and is in nobody's way.
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
