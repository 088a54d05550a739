"""Name the alarms that tests/e2e/test_runbook.py raises, and say how a job raises each."""

from typing import Any

from infra.runbook import SECTIONS

# What the provider does to the job that raises each alarm.
SCRIPTS: dict[str, dict[str, Any]] = {
    "ProviderKeyRejected": {"create": [{"status": 401}]},
    "GenerationTimedOut": {"outcome": "never"},
    "VideoUnavailable": {"seconds": 0, "video": [{"status": 410, "repeat": True}]},
    "VideoInvalid": {"seconds": 0, "video": [{"html": True, "repeat": True}]},
    "VideoForbidden": {"seconds": 0, "video": [{"redirect": "https://elsewhere.invalid/v.mp4"}]},
    "WorkflowStopped": {"outcome": "never"},
    "ExecutionsFailed": {"seconds": 0, "video": [{"redirect": "https://elsewhere.invalid/v.mp4"}]},
    "ProviderUnavailable": {
        "seconds": 0,
        "video": [{"status": 410, "repeat": True}],
        "fetch": [None, {"status": 500, "repeat": True}],
    },
    "SubmissionUnknown": {"create": [{"reset": True, "accept": True}], "logged": "never"},
}
FUNCTION_ALARMS = {
    alarm: text.removeprefix("The function ").split()[0] for alarm, text in SECTIONS["SweepErrors"].alarms.items()
}
# The alarms that tests/e2e/test_runbook.py raises and fixes.
WALKED: set[str] = {*SCRIPTS, *FUNCTION_ALARMS, "InternalError", "ProviderKeyMissing", "ProviderOutOfCredits"} | {
    "DeadLetters",
    "IngestDeadLetters",
    "WebhookDeadLetters",
    "WebhooksGivenUp",
    "BatchesAborted",
    "BatchesFailed",
    "RejectedRows",
    "ApiErrors",
    "BudgetNearlySpent",
    "BudgetSpent",
    "OwnersBudgetNearlySpent",
    "OwnersBudgetSpent",
    "DoesNotAddUp",
}
