"""Writes docs/errors.md from the error classes and the state machine: `python docs/generate_errors.py [--check]`."""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "functions"))

from core import errors  # noqa: E402 - found only now

DOCUMENT = ROOT / "docs" / "errors.md"
DEFINITION = ROOT / "statemachine" / "video_generation.asl.json"

HEAD = """<!-- Written by docs/generate_errors.py from functions/core/errors.py and statemachine/. Do not edit. -->

# Errors

A job that fails ends with one of these names in `error.name`, in its record, in the API's answer, in the announcement and
as the error of its failed execution.
`error.message` says what happened to this job, and `error.remedy` what to do about it.
`promptreel get` and the console show both.
An operator is somebody with AWS credentials for the deployment; `ID` stands for the job's id.
"Tried again" is what the state machine does by itself before a job fails.

| name | what happened | tried again | what to do |
|---|---|---|---|
"""

TAIL = """
## What counts as accepted

What the provider's answer to the one create call means. Nothing else repeats a create call: no retrying HTTP adapter, no
followed redirect, and a crashed or timed-out function finds its own claim in the ledger when it is invoked again.

| seen on the create call | meaning | then |
|---|---|---|
| DNS, connect or TLS failure, refused connection | not sent | `ProviderUnavailable`: retried with back-off until the submit deadline |
| 429; 503 with `Retry-After` | refused for now | waits as long as it says, until the submit deadline: `SubmissionTimedOut` |
| 400, 404, 422 | refused | `RequestRefused`, with the provider's message |
| 401 | refused | the key is fetched afresh, once; sent again only if it changed, else `ProviderKeyRejected` |
| 402, 403 | refused: no money | `ProviderOutOfCredits` |
| 2xx with a readable id | accepted | the id is in the ledger before the function returns |
| read time-out, reset after sending, unreadable 2xx, a redirect, any other status | **unknown** | looked up in the provider's log for a day, then `SubmissionUnknown`: never sent again |

## The HTTP API

Errors of the API have the provider's body, `{"message", "path", "requestId", "statusCode", "timestamp"}`, and a `remedy`,
which is null where the message says all there is to do. 400: the request
breaks the model's schema, and the message names each field and what is allowed; nothing was recorded or paid. 401: the key
is missing or not valid. 404: no such job of yours. 409: the idempotency key stands for another request, or there is no video yet. 429: more
requests than the stage's throttle allows. 5xx: ours; try again, with the same `Idempotency-Key`, and nothing runs twice.
"""


def policy(name: str) -> str:
    """What the state machine does with an error of this name, state by state."""
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
    """The whole of docs/errors.md."""
    rows = [
        f"| `{name}` | {' '.join((error.__doc__ or '').split())} | {policy(name)} | {errors.remedy(name, 'ID')} |"
        for name, error in errors.names().items()
    ]
    return HEAD + "\n".join(rows) + "\n" + TAIL


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(DOCUMENT.read_text("utf-8") != document() and "docs/errors.md is out of date: run make docs.")
    DOCUMENT.write_text(document(), "utf-8")
