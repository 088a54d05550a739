"""Write docs/errors.md from the error classes and the state machine: `python docs/generate_errors.py [--check]`."""

import json
import sys
from pathlib import Path

from generated import write

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "functions"))

from core import errors  # noqa: E402 - found only now

DOCUMENT = ROOT / "docs" / "errors.md"
DEFINITION = ROOT / "statemachine" / "video_generation.asl.json"

HEAD = """<!-- Written by docs/generate_errors.py from functions/core/errors.py and statemachine/. Do not edit. -->

# Errors

This page is for everyone whose job or request failed.
When a job fails, one of these names is in `error.name` of its record, of the API's response and of the announcement, and is the error of its failed execution.
`error.message` says what happened to this job, and `error.remedy` says what to do.
`promptreel get` and the console show both.
An operator is a person with AWS credentials for the deployment; `ID` is the job's id.
The column "retries" shows what the state machine does by itself before a job fails.

| name | what happened | retries | what to do |
|---|---|---|---|
"""

TAIL = """
## What counts as accepted

This table shows the meaning of the provider's response to the create call.
Promptreel never repeats a create call in any other way: the HTTP client does not retry or follow redirects, and a function that is invoked again after a crash or a timeout finds its own claim in the ledger.

| seen on the create call | meaning | then |
|---|---|---|
| DNS, connect or TLS failure, connection refused | not sent | `ProviderUnavailable`: retried with back-off until the submit deadline |
| 429; 503 with `Retry-After` | rejected for now | waits for the requested time, and until the submit deadline at most: `SubmissionTimedOut` |
| 400, 404, 422 | rejected | `RequestRefused`, with the provider's message |
| 401 | rejected | the key is read once more; the request is sent again only if the key has changed, else `ProviderKeyRejected` |
| 402, 403 | rejected: no credits | `ProviderOutOfCredits` |
| 2xx with a readable id | accepted | the id is in the ledger before the function returns |
| read timeout, reset after sending, unreadable 2xx, a redirect, any other status | **unknown** | searched in the provider's log for a day, then `SubmissionUnknown`; never sent again |

## What counts as an end

This table shows the meaning of the `status` in the provider's answer to a poll, in upper or lower case.

| `status` | meaning |
|---|---|
| `queued`, `generating`, `waiting`, `active`, `running`, `processing`, `queueing`, `preparing` | pending, even with an `error` |
| `completed`, `succeeded`, `success` | finished |
| `error` | failed |
| `failed`, `cancelled`, `expired`, `rejected` | failed, if a second poll ten seconds later says the same |
| any other | ended, if a second poll says the same: finished with a `video`, failed without one |

If two polls do not agree, the job stays pending.
If the provider later finishes a job that was recorded as failed, [reconciliation](reconciliation.md) reports its charge, and an operator fetches the video with `promptreel rescue ID`.

## The HTTP API

Error responses have the provider's body, `{"message", "path", "requestId", "statusCode", "timestamp"}`, and a `remedy`, which is null if the message already says what to do.

| status | meaning |
|---|---|
| 400 | The request is not valid. The message names each field and the allowed values. Nothing was recorded or paid. |
| 401 | The key is missing, not valid, or lacks the necessary scope. |
| 403 | A budget has no room for the request, or too many rows of the key were rejected in this hour. |
| 404 | You have no job with this id. |
| 405 | The path does not support this method. |
| 409 | The idempotency key belongs to another request, or the job's state does not allow the call, for example because it has no video yet. Or the file of a batch drops or repeats most rows of a batch, and does not say [what to do](files.md#a-file-that-drops-or-repeats-most-rows). |
| 410 | The video has [expired](keeping.md#how-long-videos-are-kept). |
| 413 | The body or the file is too large for a call. Upload the file. |
| 429 | You sent more requests than the stage's throttle allows. |
| 503 | Too many requests change the same records or budgets at once. Nothing was changed. Send the request again after the seconds in `Retry-After`. |
| other 5xx | Promptreel failed. Repeat the request with the same `Idempotency-Key`; nothing runs twice. |
"""


def policy(name: str) -> str:
    """Return how each state of the workflow retries an error."""
    states = json.loads(DEFINITION.read_text("utf-8"))["States"]
    found = []
    for state, definition in states.items():
        for clause in definition.get("Retry", []):
            if name in clause["ErrorEquals"]:
                found.append(f"{state}: {_described(clause)}")
    return "; ".join(found) or "no"


def _described(clause: dict[str, int]) -> str:
    attempts = clause["MaxAttempts"]
    if attempts == 0:
        return "no"
    longest = clause["MaxDelaySeconds"]
    limit = "until its deadline" if attempts >= 1000 else f"up to {attempts} times"  # noqa: PLR2004 - "for ever", in ASL
    return f"after {clause['IntervalSeconds']} s, doubling up to {longest} s, {limit}"


def document() -> str:
    """Return the content of docs/errors.md."""
    rows = [
        f"| `{name}` | {' '.join((error.__doc__ or '').split())} | {policy(name)} | {errors.remedy(name, 'ID')} |"
        for name, error in errors.names().items()
    ]
    return HEAD + "\n".join(rows) + "\n" + TAIL


if __name__ == "__main__":
    write({DOCUMENT: document()})
