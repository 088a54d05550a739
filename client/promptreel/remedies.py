"""What mends a failed generation, by the name of its error: what the command line says, and docs/errors.md."""

from collections.abc import Mapping

_GO_ON = "`promptreel rescue {id}`"
_FETCH = f"the operator's {_GO_ON} fetches it again, and pays nothing twice"
_KEY = f"the operator stores a valid key with `promptreel secret set`; then {_GO_ON} goes on with this one"
_WORDS = "ask for it in other words; `promptreel models MODEL` lists what a model takes"

# Operators are who has AWS credentials of the deployment. What needs no mending has no entry.
REMEDIES: Mapping[str, str] = {
    "InvalidRequest": "mend the request; `promptreel models MODEL` lists what a model takes",
    "InvalidFile": "mend the file; `promptreel batch FILE --dry-run` checks it before it is sent",
    "IdempotencyConflict": "use another idempotency key for another request",
    "BudgetExceeded": "ask again when the budget renews; the operator raises it with `promptreel budgets set`",
    "ProviderUnavailable": f"the operator's {_GO_ON} goes on from what the provider has",
    "SubmissionUnknown": "the operator looks for {id} in the provider's log, and tells what is there: "
    "`promptreel resolve {id} --provider-id ...`, or `promptreel resolve {id} --not-accepted`, which sends it again",
    "SubmissionTimedOut": f"nothing was charged; the operator's {_GO_ON} sends it again",
    "RequestRefused": _WORDS,
    "ProviderOutOfCredits": f"the operator tops up the provider's account; then {_GO_ON} sends it again",
    "ProviderKeyRejected": _KEY,
    "ProviderKeyMissing": _KEY,
    "InputUnavailable": "give the input anew, and ask again; of a generation that failed and was rescued since, the "
    f"operator's {_GO_ON} goes on with this one",
    "GenerationFailed": f"it was not charged: try again, or {_WORDS}",
    "GenerationTimedOut": f"the operator's {_GO_ON} looks whether the provider has finished by now",
    "VideoUnavailable": _FETCH,
    "VideoInvalid": _FETCH,
    "VideoIncomplete": _FETCH,
    "VideoForbidden": "the operator allows it in the stage's settings (infra/config.py) and deploys; then "
    f"{_GO_ON} fetches it, and pays nothing twice",
    "WorkflowStopped": f"the operator's {_GO_ON} goes on from what the provider has",
    "InternalError": f"the execution's history says what; the operator's {_GO_ON} goes on from what the provider has",
}


def remedy(error: str, generation_id: str) -> str | None:
    """What mends it, with its commands in backquotes; None if there is nothing to mend."""
    found = REMEDIES.get(error)
    return found and found.replace("{id}", generation_id)
