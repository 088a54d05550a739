"""End a run whose generation has already ended, which is expected and not an error."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from core.errors import GenerationEnded
from wiring import logger

ENDED = "ended"  # the status that leads the state machine to its end

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def or_ended(handler: Handler) -> Handler:
    """Wrap the handler of a state, so that it returns the status `ended` instead of raising `GenerationEnded`.

    The generation was cancelled or deleted, or continues in a later run. Lambda would count the exception as an error
    of the function, and many errors raise an alarm.
    """

    @wraps(handler)
    def handled(event: dict[str, Any], context: Any) -> dict[str, Any]:
        try:
            return handler(event, context)
        except GenerationEnded as ended:
            log_ended(event, ended)
            # Some states wait for these seconds before they check the status.
            return {"generation_id": event["generation_id"], "status": ENDED, "wait_seconds": 0, "pending_seconds": 0}

    return handled


def log_ended(event: dict[str, Any], ended: GenerationEnded) -> None:
    """Log that a run's generation had already ended."""
    logger.info("ended before", generation_id=event["generation_id"], execution=event["execution"], reason=str(ended))
