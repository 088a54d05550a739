"""What each alarm says, and what docs/runbook.md says to do about it: the one place for both.

infra/monitoring.py takes an alarm's description from here, docs/generate_runbook.py writes the page, and
tests/e2e/test_runbook.py breaks what an alarm watches and follows the commands until it is mended.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from core import errors


@dataclass(frozen=True)
class Step:
    """One thing to look at or to do: a sentence, and the command for it where there is one.

    In a command `$ID` and the like stand for what the reader puts in; the page says what each is.
    """

    text: str
    command: str = ""


@dataclass(frozen=True)
class Section:
    """Of one alarm, or of several that are looked into and mended alike."""

    title: str
    alarms: Mapping[str, str]  # what happened: what to do first, by the alarm's name
    look: tuple[Step, ...]
    do: tuple[Step, ...]

    @property
    def anchor(self) -> str:
        """The section in the page, as Markdown names it."""
        return re.sub(r"[^a-z0-9 -]", "", self.title.lower()).replace(" ", "-")

    @property
    def commands(self) -> list[str]:
        """All of its commands."""
        return [step.command for step in (*self.look, *self.do) if step.command]


def _failed_by(*kinds: type[errors.PromptreelError]) -> Mapping[str, str]:
    """Return what the alarms on jobs that failed with these errors say: their classes have it."""
    return {kind.__name__: f"{kind.__doc__} What to do: {kind.remedy.replace('{id}', 'ID')}" for kind in kinds}


_FAILED = Step(
    "Which generations failed, with the name of the error and the reason:",
    "promptreel logs record_failure sweep --since 1h",
)
_WAY = Step("What happened to one of them, in all functions:", "promptreel logs --generation $ID --level info")
_RESCUE = Step(
    "Let it go on from what the provider has. Nothing is submitted that may have been accepted before, so nothing is "
    "paid twice, and a rescue too many does no harm. It takes as many ids as you name:",
    "promptreel rescue $ID",
)
_DOCTOR = Step("Whether the stack, its permissions and the provider's key are as they should be:", "promptreel doctor")

# What stands still while a function keeps failing; the states of a workflow are tried again for hours.
_FUNCTIONS = {
    "AdmitErrors": ("admit", "jobs are not let to the provider"),
    "SubmitErrors": ("submit", "nothing is sent to the provider"),
    "LookUpSubmissionErrors": ("look_up_submission", "submissions whose answer was lost stay unknown"),
    "CheckStatusErrors": ("check_status", "it is not seen that videos are done"),
    "FinalizeErrors": ("finalize", "videos that are paid for are not archived"),
    "RecordFailureErrors": ("record_failure", "jobs that failed are not recorded as such"),
    "SweepErrors": ("sweep", "what was left half done stays so, and slots may stay taken"),
    "AcceptRowErrors": ("accept_row", "rows of batches are not begun"),
    "AuthorizeErrors": ("authorize", "nobody can use the API"),
    "ApiFunctionErrors": ("api", "the API answers with errors"),
    "ConsoleErrors": ("console", "the console does not load"),
    "IngestErrors": ("ingest", "files and events wait in their queue"),
    "DeliverWebhookErrors": ("deliver_webhook", "webhooks wait in their queue"),
    "ReconcileErrors": ("reconcile", "the provider's charges of the day before are not looked at"),
}

RUNBOOK: tuple[Section, ...] = (
    Section(
        "A submission whose answer was lost",
        _failed_by(errors.SubmissionUnknown),
        look=(
            _FAILED,
            Step("In the provider's log of requests, `client_request_id` of the call begins with the generation's id."),
        ),
        do=(
            Step(
                "It is there: go on with the job that it names. Nothing is sent, and nothing paid again:",
                "promptreel resolve $ID --provider-id $PROVIDER_ID",
            ),
            Step(
                "It is not there, and you are sure: send it again, which is paid for.",
                "promptreel resolve $ID --not-accepted",
            ),
            Step(
                "You cannot tell: leave it. It is never sent again by itself, and the next night's reconciliation "
                "tells if it was charged."
            ),
        ),
    ),
    Section(
        "The provider does not take the key",
        _failed_by(errors.ProviderKeyMissing, errors.ProviderKeyRejected),
        look=(_DOCTOR, _FAILED),
        do=(
            Step(
                "Store a valid key, which is typed at a hidden prompt; functions have it within seconds:",
                "promptreel secret set",
            ),
            _DOCTOR,
            Step(
                "Nothing was sent of what failed meanwhile. Let it go on; this takes as many ids as you name, and with "
                "`--json` the log gives them to a program:",
                "promptreel rescue $ID",
            ),
        ),
    ),
    Section(
        "The provider is out of credits",
        {
            "ProviderOutOfCredits": "The provider is out of credits, and jobs wait: top up the account, and they go on "
            "within two minutes."
        },
        look=(Step("Since when, and how many jobs wait:", "promptreel logs sweep --since 15m --level info"),),
        do=(
            Step(
                "Top up the account at the provider. Nothing else needs to be done: one job tries once a minute, and "
                "as soon as it is taken, all go on."
            ),
            Step("Whether it is over: the provider takes the key, and says nothing of credits.", "promptreel doctor"),
        ),
    ),
    Section(
        "A job was given up at the provider",
        _failed_by(errors.ProviderUnavailable, errors.GenerationTimedOut),
        look=(_FAILED, _WAY, _DOCTOR),
        do=(
            Step("Look at the provider's status page; ask its support about the `provider_id` that the record has."),
            _RESCUE,
        ),
    ),
    Section(
        "A video that was paid for is not archived",
        _failed_by(errors.VideoUnavailable, errors.VideoInvalid, errors.VideoIncomplete),
        look=(_FAILED, _WAY),
        do=(
            _RESCUE,
            Step(
                "It fails again in the same way: the provider has it broken. Ask its support, with the `provider_id`, "
                "for the video or for the money."
            ),
        ),
    ),
    Section(
        "A video is where none may be fetched from",
        _failed_by(errors.VideoForbidden),
        look=(_FAILED,),
        do=(
            Step(
                "The host is the provider's, or the video is as large as it may be: add the host to `video_hosts`, or "
                "raise `max_video_bytes`, in `infra/config.py`, and deploy that:",
                "make deploy STAGE=$PROMPTREEL_STAGE",
            ),
            _RESCUE,
            Step("The host is nobody's that you know: do not fetch it, and tell the provider."),
        ),
    ),
    Section(
        "A job was stopped or broke",
        _failed_by(errors.WorkflowStopped, errors.InternalError),
        look=(
            _FAILED,
            _WAY,
            Step("The reason names the execution: its history in Step Functions says where it was, CloudTrail who."),
            _DOCTOR,
        ),
        do=(Step("If it was a fault, it is mended by a deployment, or by what `doctor` says."), _RESCUE),
    ),
    Section(
        "Many jobs fail",
        {
            "ExecutionsFailed": "Many jobs failed at once: compare their errors, and see the provider's status page.",
        },
        look=(_FAILED, _DOCTOR),
        do=(
            Step(
                "One error that has a section of its own here: follow that. `GenerationFailed` and `RequestRefused` "
                "are the provider's refusals, and were not charged: of one model, it has changed or is disturbed."
            ),
            Step("What failed for a reason that has passed goes on, all whose ids you name:", "promptreel rescue $ID"),
        ),
    ),
    Section(
        "An execution outlived its last deadline",
        {
            "ExecutionsTimedOut": "An execution outlived its last deadline: read its history, since a state waits "
            "where it should not."
        },
        look=(_FAILED, _WAY),
        do=(_RESCUE, Step("A state that waits for a month is a fault: tell it with the execution's history.")),
    ),
    Section(
        "A failure could not be recorded",
        {
            "DeadLetters": "The end of a job could not be recorded: see why in the log of record_failure, mend that, "
            "and redrive."
        },
        look=(
            Step("Why it could not be recorded:", "promptreel logs record_failure --since 6h --level error"),
            _DOCTOR,
        ),
        do=(
            Step(
                "Once that is mended, record what lies in the queue. What the sweep has recorded meanwhile stays as it "
                "is:",
                "promptreel redrive",
            ),
        ),
    ),
    Section(
        "A function keeps failing",
        {
            name: f"The function {function} keeps ending with errors, so that {effect}: its log says why."
            for name, (function, effect) in _FUNCTIONS.items()
        },
        look=(Step("With which errors:", "promptreel logs $FUNCTION --since 1h --level error"), _DOCTOR),
        do=(
            Step(
                "AWS refuses something: a permission was taken away, by hand or by a policy of the organization; "
                "deploy again, which puts the stack's own back:",
                "make deploy STAGE=$PROMPTREEL_STAGE",
            ),
            Step("The provider does not answer: nothing needs to be done; all is tried again for hours."),
            Step(
                "It is a fault that came with a deployment: deploy the version before. Jobs that wait for the function "
                "go on by themselves; those that ended with `InternalError` meanwhile, by `promptreel rescue`."
            ),
        ),
    ),
    Section(
        "The API answers with errors",
        {"ApiErrors": "The API answered 5xx: the logs of api and authorize say why."},
        look=(Step("With which errors:", "promptreel logs api authorize --since 1h --level error"), _DOCTOR),
        do=(
            Step(
                "It came with a deployment: deploy the version before; if the stack is not as it was deployed, deploy "
                "it again. A client that repeats its request with the same `Idempotency-Key` pays nothing twice.",
                "make deploy STAGE=$PROMPTREEL_STAGE",
            ),
        ),
    ),
    Section(
        "Functions are throttled",
        {
            "Throttles": "Functions of this account were called and could not run: all is tried again for hours, but "
            "slow; ask AWS for more concurrent executions."
        },
        look=(
            Step("How many of this account may run at once. A new account has ten:", "aws lambda get-account-settings"),
        ),
        do=(
            Step(
                "Ask for more (the quota `Concurrent executions`), which AWS grants within hours:",
                "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
                "--desired-value 1000",
            ),
            Step("Until then, lower `in_flight_limit` and `batch_concurrency` in `infra/config.py`, and deploy that."),
        ),
    ),
    Section(
        "Files and events are late or lost",
        {
            "IngestLate": "A file or an event has waited for a quarter of an hour: the log of ingest says why; it is "
            "tried again by itself.",
            "IngestDeadLetters": "A file or an event could not be taken: see why in the log of ingest, mend that, and "
            "redrive.",
        },
        look=(Step("Why they could not be taken:", "promptreel logs ingest --since 6h --level error"), _DOCTOR),
        do=(
            Step(
                "Once that is mended, let what was given up be taken again. What was taken already is not paid twice:",
                "promptreel redrive",
            ),
        ),
    ),
    Section(
        "Webhooks are not taken",
        {
            "WebhooksGivenUp": "A webhook was not taken in a day, or leads where none may: the log of deliver_webhook "
            "says whose and why; its owner sends it again once it would be taken.",
            "WebhookDeadLetters": "A webhook could not be looked after: see why in the log of deliver_webhook, mend "
            "that, and redrive.",
        },
        look=(
            Step("Whose, where to, and why:", "promptreel logs deliver_webhook --since 6h"),
            Step("For its owner, who sees the delivery's id:", "promptreel webhooks list"),
        ),
        do=(
            Step(
                "It was given up, and its receiver takes it by now: its owner has it sent again:",
                "promptreel webhooks redeliver $DELIVERY",
            ),
            Step("It lies in the dead-letter queue, and the cause is mended:", "promptreel redrive"),
        ),
    ),
    Section(
        "A batch did not run to its end",
        {
            "BatchesFailed": "A batch did not run to its end: its execution says why; retry it, and nothing is paid "
            "twice.",
            "BatchesAborted": "A batch was stopped: its rows that run go on, the others do not start; retry it to go "
            "on.",
            "BatchesTimedOut": "A batch outlived its deadline: its rows that run go on, the others do not start; retry "
            "it to go on.",
        },
        look=(
            Step(
                "What its functions said; `is_complete=False` is one that broke off; a stopped one says nothing:",
                "promptreel logs accept_row report_batch --since 6h --level info",
            ),
            Step("Which it is, for its owner:", "promptreel batch list"),
        ),
        do=(
            Step(
                "Its owner lets it go on, by this or by dropping the same file again; rows that were made are not made "
                "twice:",
                "promptreel batch retry $BATCH",
            ),
        ),
    ),
    Section(
        "A budget is nearly or wholly spent",
        {
            "BudgetNearlySpent": "The deployment's budget is spent to 80 %: see on what.",
            "BudgetSpent": "The deployment's budget has no room left, and refuses all requests until it renews: see on "
            "what it went, and raise it if that is right.",
            "OwnersBudgetNearlySpent": "The budget of an owner or a key is spent to 80 %: see which, and on what.",
            "OwnersBudgetSpent": "The budget of an owner or a key has no room left, and refuses its requests until it "
            "renews: see which, and raise it if that is right.",
        },
        look=(
            Step("Which, and until when:", "promptreel budgets list"),
            Step("Who spent it:", "promptreel usage --by owner"),
            Step("On which models:", "promptreel usage --by model"),
        ),
        do=(
            Step(
                "It is as it should be: give it more room. For one owner add `--owner NAME`, for one key `--key ID`:",
                "promptreel budgets set --day $USD",
            ),
            Step(
                "It is not: stop the key that was used at once, and what waits that was asked for with it:",
                "promptreel budgets set --day 0 --key $KEY",
            ),
            Step(
                "Then revoke it, which takes five minutes:",
                "promptreel keys revoke $KEY",
            ),
        ),
    ),
    Section(
        "The provider's charges and the ledger differ",
        {
            "DoesNotAddUp": "The provider's charges and the ledger differ: the day's report says where; a charge that "
            "is not ours may be a leaked key, which is renewed."
        },
        look=(
            Step(
                "What does not add up, and where the report is; [what its lines mean](reconciliation.md):",
                "promptreel reconcile --day $DAY",
            ),
        ),
        do=(
            Step(
                "`not ours`, and nobody else uses the account: the key has leaked. Make a new one at the provider, "
                "store it, and delete the old one there:",
                "promptreel secret set",
            ),
            Step("`charged twice` or `other amount`: ask the provider's support, with the ids that the report has."),
        ),
    ),
)

SECTIONS: Mapping[str, Section] = {alarm: section for section in RUNBOOK for alarm in section.alarms}

# What the local cloud cannot break, or cannot show broken, so that no test follows the page for it.
NOT_WALKED: Mapping[str, str] = {
    "ExecutionsTimedOut": "the local cloud does not end an execution by its deadline",
    "BatchesTimedOut": "the local cloud does not end an execution by its deadline",
    "Throttles": "the local cloud lets calls wait instead of throttling them",
    "IngestLate": "the local cloud tells no age of a queue's oldest message; the page is walked with IngestDeadLetters",
    "VideoIncomplete": "it takes a thousand invocations of Finalize; the page is walked with VideoInvalid",
}


def description(alarm: str) -> str:
    """What the alarm says: what happened, what to do, and where more is said."""
    section = SECTIONS[alarm]
    return f"{section.alarms[alarm]} docs/runbook.md#{section.anchor}"
