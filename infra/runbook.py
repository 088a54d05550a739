"""Define what each alarm says, and what docs/runbook.md says to do about it.

infra/monitoring.py takes the alarms' descriptions from here, docs/generate_runbook.py writes the page, and
tests/e2e/test_runbook.py triggers most alarms and follows the page's commands until the fault is fixed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from core import errors


@dataclass(frozen=True)
class Step:
    """One thing to check or to do: a sentence, and an optional command.

    In a command, `$ID` and similar names are placeholders, which the page explains.
    """

    text: str
    command: str = ""


@dataclass(frozen=True)
class Section:
    """A section of the page, for one alarm or for several with the same checks and fixes."""

    title: str
    alarms: Mapping[str, str]  # the alarm's name: what happened and what to do first
    look: tuple[Step, ...]
    do: tuple[Step, ...]

    @property
    def anchor(self) -> str:
        """Return the anchor that Markdown gives to the section's heading."""
        return re.sub(r"[^a-z0-9 -]", "", self.title.lower()).replace(" ", "-")

    @property
    def commands(self) -> list[str]:
        """Return all commands of the section."""
        return [step.command for step in (*self.look, *self.do) if step.command]


def _failed_by(*kinds: type[errors.PromptreelError]) -> Mapping[str, str]:
    """Return descriptions of the alarms on jobs that failed with these errors, from the error classes."""
    return {kind.__name__: f"{kind.__doc__} {kind.remedy.replace('{id}', 'ID')}" for kind in kinds}


_FAILED = Step(
    "List the generations that failed, with the name of the error and the reason:",
    "promptreel logs record_failure sweep --since 1h",
)
_WAY = Step("Show all functions' log entries for one generation:", "promptreel logs --generation $ID --level info")
_RESCUE = Step(
    "Continue the jobs from what the provider has. A request that the provider may have accepted is not sent again, so "
    "nothing is paid twice, and an unnecessary rescue does no harm. The command accepts several ids, or `--error NAME` "
    "for all jobs of the last day with this error:",
    "promptreel rescue $ID",
)
_DOCTOR = Step("Check the stack, its permissions and the provider's key:", "promptreel doctor")

# The effect while a function keeps failing. The workflow retries its states for hours.
_FUNCTIONS = {
    "AdmitErrors": ("admit", "no jobs are admitted to the provider"),
    "SubmitErrors": ("submit", "no requests are sent to the provider"),
    "LookUpSubmissionErrors": ("look_up_submission", "submissions with a lost response remain unknown"),
    "CheckStatusErrors": ("check_status", "finished videos are not noticed"),
    "FinalizeErrors": ("finalize", "videos that are paid for are not archived"),
    "RecordFailureErrors": ("record_failure", "failed jobs are not recorded as failed"),
    "SweepErrors": ("sweep", "interrupted work is not repaired, and slots may stay occupied"),
    "AcceptRowErrors": ("accept_row", "no rows of batches are started"),
    "AuthorizeErrors": ("authorize", "nobody can use the API"),
    "ApiFunctionErrors": ("api", "the API returns errors"),
    "ConsoleErrors": ("console", "the console does not load"),
    "IngestErrors": ("ingest", "files and events wait in their queue"),
    "DeliverWebhookErrors": ("deliver_webhook", "webhooks wait in their queue"),
    "MakePosterErrors": ("make_poster", "new videos have no poster, and pages show the videos themselves"),
    "ReconcileErrors": ("reconcile", "the provider's charges of the previous day are not checked"),
}

RUNBOOK: tuple[Section, ...] = (
    Section(
        "A submission whose response was lost",
        _failed_by(errors.SubmissionUnknown),
        look=(
            _FAILED,
            Step("Search the provider's request log for a `client_request_id` that starts with the generation's id."),
        ),
        do=(
            Step(
                "If you find the call, continue with the provider's job that it names. Nothing is sent or paid again. "
                "The command checks that the provider has this job:",
                "promptreel resolve $ID --provider-id $PROVIDER_ID",
            ),
            Step(
                "If the call is certainly not there, send the request again. The new request is charged:",
                "promptreel resolve $ID --not-accepted",
            ),
            Step(
                "If you cannot be sure, leave the job. Promptreel never sends it again by itself, and the next nightly "
                "reconciliation shows whether it was charged."
            ),
        ),
    ),
    Section(
        "The provider rejects the key",
        _failed_by(errors.ProviderKeyMissing, errors.ProviderKeyRejected),
        look=(_DOCTOR, _FAILED),
        do=(
            Step(
                "Store a valid key. The command hides what you type, and the functions use the key within seconds:",
                "promptreel secret set",
            ),
            _DOCTOR,
            Step(
                "The jobs that failed with this error were not sent. Continue one with this command, or all of the "
                "last day with `promptreel rescue --error ProviderKeyRejected --since 24h`, which lists them first. "
                "Jobs that were already at the provider may have ended as `ProviderUnavailable`:",
                "promptreel rescue $ID",
            ),
        ),
    ),
    Section(
        "The provider is out of credits",
        {
            "ProviderOutOfCredits": "The provider rejects jobs for lack of credits (402 or 403). Such a job "
            "waits, and so do jobs of the same model that cost as much. Add credits; they continue within two minutes."
        },
        look=(
            Step(
                "See which models are concerned, since when, and how many jobs are held back:",
                "promptreel logs sweep --since 15m --level info",
            ),
        ),
        do=(
            Step(
                "Add credits to the provider account. Nothing else is needed: one job of each model is sent once a "
                "minute, and the others continue as soon as the provider accepts it."
            ),
            Step(
                "If there are credits, ask the provider's support whether the account may use the model. A job ends "
                "as ProviderOutOfCredits after a day, or after an hour if the provider accepts others that cost as "
                "much. Once the cause is fixed, `promptreel rescue` continues it."
            ),
            Step("Check that the provider accepts the key and no longer reports missing credits:", "promptreel doctor"),
        ),
    ),
    Section(
        "The provider did not answer or finish in time",
        _failed_by(errors.ProviderUnavailable, errors.GenerationTimedOut),
        look=(_FAILED, _WAY, _DOCTOR),
        do=(
            Step(
                "Check the provider's status page. Ask its support about the `provider_id` in the generation's record."
            ),
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
                "If it fails again in the same way, the provider's file is damaged. Ask its support for the video or "
                "a refund, and name the `provider_id`."
            ),
        ),
    ),
    Section(
        "A video has a forbidden address or size",
        _failed_by(errors.VideoForbidden),
        look=(_FAILED,),
        do=(
            Step(
                "If the host belongs to the provider, add it to `video_hosts` in `infra/config.py`. If the size is "
                "plausible, raise `max_video_bytes` there. Then deploy:",
                "make deploy STAGE=$PROMPTREEL_STAGE",
            ),
            _RESCUE,
            Step("If you do not know the host, do not fetch the video. Report the host to the provider."),
        ),
    ),
    Section(
        "A job was stopped or failed internally",
        _failed_by(errors.WorkflowStopped, errors.InternalError),
        look=(
            _FAILED,
            _WAY,
            Step(
                "The reason names the execution. Its history in Step Functions shows where it stopped, and CloudTrail "
                "shows who stopped it."
            ),
            _DOCTOR,
        ),
        do=(Step("Fix the cause: deploy a corrected version, or follow the advice of `promptreel doctor`."), _RESCUE),
    ),
    Section(
        "Many jobs fail",
        {
            "ExecutionsFailed": "Many jobs failed in a short time. Compare their errors, and check the provider's "
            "status page.",
        },
        look=(_FAILED, _DOCTOR),
        do=(
            Step(
                "If one error prevails and has a section on this page, follow that section. `GenerationFailed` and "
                "`RequestRefused` are rejections by the provider and were not charged. If they affect only one model, "
                "the model has changed or has an outage."
            ),
            Step("Continue the jobs whose cause has passed. The command accepts several ids:", "promptreel rescue $ID"),
        ),
    ),
    Section(
        "An execution outlived its last deadline",
        {
            "ExecutionsTimedOut": "An execution outlived its last deadline. Read its history: a state waited longer "
            "than it should."
        },
        look=(_FAILED, _WAY),
        do=(_RESCUE, Step("A state that waits for a month is a bug. Report it with the execution's history.")),
    ),
    Section(
        "A failure could not be recorded",
        {
            "DeadLetters": "The end of a job could not be recorded. Find the cause in the log of record_failure, fix "
            "it, and run `promptreel redrive`."
        },
        look=(
            Step("Find the cause:", "promptreel logs record_failure --since 6h --level error"),
            _DOCTOR,
        ),
        do=(
            Step(
                "After you have fixed the cause, record the ends that are in the dead-letter queue. Ends that the "
                "sweep has recorded since do not change:",
                "promptreel redrive",
            ),
        ),
    ),
    Section(
        "A function keeps failing",
        {
            name: f"The function {function} keeps failing, so {effect}. Its log shows the reason."
            for name, (function, effect) in _FUNCTIONS.items()
        },
        look=(Step("Show the errors:", "promptreel logs $FUNCTION --since 1h --level error"), _DOCTOR),
        do=(
            Step(
                "If AWS denies access, a permission was removed by hand or by a policy of the organization. Deploy "
                "again to restore the stack's own permissions:",
                "make deploy STAGE=$PROMPTREEL_STAGE",
            ),
            Step("If the provider does not answer, do nothing. The workflow retries for hours."),
            Step(
                "If a deployment caused the errors, deploy the previous version. Waiting jobs then continue by "
                "themselves. Continue jobs that ended with `InternalError` with `promptreel rescue`."
            ),
        ),
    ),
    Section(
        "The API returns errors",
        {"ApiErrors": "The API returned 5xx errors. The logs of api and authorize show the reason."},
        look=(Step("Show the errors:", "promptreel logs api authorize --since 1h --level error"), _DOCTOR),
        do=(
            Step(
                "If a deployment caused the errors, deploy the previous version. If the stack was changed by hand, "
                "deploy again. Clients that repeat a request with the same `Idempotency-Key` do not pay twice:",
                "make deploy STAGE=$PROMPTREEL_STAGE",
            ),
        ),
    ),
    Section(
        "Someone floods the API",
        {
            "ApiRejects": "The API rejected many requests. If they use up the stage's limit, every owner gets 429. "
            "Find out who sends them.",
            "ApiBusy": "The API received half as many requests as the stage allows. At the limit every owner gets 429. "
            "Find out who sends them.",
        },
        look=(
            Step(
                "Count the requests by owner and status. Requests without a valid key have no owner:",
                "aws logs start-query --log-group-name /aws/vendedlogs/http-api/promptreel-$PROMPTREEL_STAGE "
                "--start-time $(($(date +%s) - 3600)) --end-time $(date +%s) --query-string "
                "'stats count() as requests by owner, status | sort requests desc'",
            ),
        ),
        do=(
            Step("If it is a client with a key, talk to its owner, or revoke the key:", "promptreel keys list"),
            Step(
                "If the requests have no valid key, put CloudFront with a rate limit for each address in front of the "
                "API. [The recipe](recipes.md#limit-requests-for-each-address) has the commands."
            ),
            Step("If the load is wanted, raise `requests_per_second` in `infra/config.py`, and deploy."),
        ),
    ),
    Section(
        "Functions are throttled",
        {
            "Throttles": "Functions of this account were throttled. Their work is retried for hours, but it is slow. "
            "Request more concurrent executions from AWS."
        },
        look=(
            Step(
                "Show how many functions this account can run at once, and how many the stage expects. A new account "
                "may be limited to ten:",
                "promptreel doctor",
            ),
        ),
        do=(
            Step(
                "Request a higher quota for `Concurrent executions`, which AWS usually grants within hours:",
                "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
                "--desired-value 1000",
            ),
            Step(
                "Set `account_concurrency` in `infra/config.py` to the present quota, and deploy. It decides how many "
                "jobs run at once and how long polls stay."
            ),
        ),
    ),
    Section(
        "Files and events are late or lost",
        {
            "IngestLate": "A file or an event has waited for 15 minutes. The log of ingest shows the reason. It is "
            "retried automatically.",
            "IngestDeadLetters": "A file or an event could not be processed. Find the cause in the log of ingest, fix "
            "it, and run `promptreel redrive`.",
        },
        look=(Step("Find the cause:", "promptreel logs ingest --since 6h --level error"), _DOCTOR),
        do=(
            Step(
                "After you have fixed the cause, process the files and events again. Requests accepted before "
                "are not paid twice:",
                "promptreel redrive",
            ),
        ),
    ),
    Section(
        "Webhooks are not delivered",
        {
            "WebhooksGivenUp": "A webhook was not accepted within a day, or its address is not allowed. The log of "
            "deliver_webhook shows the owner and the reason. The owner can send it again once the receiver works.",
            "WebhooksLate": "The oldest message in the queue of webhooks is more than 30 minutes old; up to 15 are "
            "normal. The log of deliver_webhook shows the receivers that are slow or fail, and their owners.",
            "WebhookDeadLetters": "The function deliver_webhook could not process a webhook. Find the cause in its "
            "log, fix it, and run `promptreel redrive`.",
        },
        look=(
            Step(
                "Show the owners, addresses and reasons. With `--level info`, this also shows the webhooks that are "
                "still tried:",
                "promptreel logs deliver_webhook --since 6h",
            ),
            Step("The owner can list the deliveries with their ids:", "promptreel webhooks list"),
        ),
        do=(
            Step(
                "If Promptreel gave up on the webhook and the receiver works again, the owner sends it again:",
                "promptreel webhooks redeliver $DELIVERY",
            ),
            Step("If it is in the dead-letter queue, fix the cause and process it again:", "promptreel redrive"),
            Step(
                "If webhooks are late, check whether functions are throttled. If not, many owners have slow receivers: "
                "`promptreel logs deliver_webhook --since 15m --level info` shows each attempt. Messages stay in the "
                "queue for up to two weeks, so none is lost. If one owner floods the queue, revoke the owner's keys."
            ),
        ),
    ),
    Section(
        "A batch did not finish",
        {
            "BatchesFailed": "A batch failed before all its rows had ended. Its execution shows the reason. Retry the "
            "batch. Nothing is paid for twice.",
            "BatchesAborted": "A batch was stopped. Its running rows continue, and the others do not start. To start "
            "them, retry the batch.",
            "BatchesTimedOut": "A batch exceeded its deadline. Its running rows continue, and the others do not start. "
            "To start them, retry the batch.",
        },
        look=(
            Step(
                "Show the log of the batch functions. `is_complete=False` marks a batch that ended before its "
                "rows did. A batch that was stopped logs nothing:",
                "promptreel logs accept_row report_batch --since 6h --level info",
            ),
            Step("The owner can list the batches:", "promptreel batch list"),
        ),
        do=(
            Step(
                "The owner retries the batch, or drops the same file again. Rows with a finished video are not made "
                "again:",
                "promptreel batch retry $BATCH",
            ),
        ),
    ),
    Section(
        "Too many rows were rejected",
        {
            "RejectedRows": "Too many rows of one API key, or of one owner's files without a key, were rejected in "
            "this hour. Further files are not read until the next hour. Find out whether this is a mistake or abuse.",
        },
        look=(
            Step("Show the owner and the key:", "promptreel logs ingest accept_row --since 2h --level warning"),
            Step("Ask the owner. The reports of the owner's batches show the reasons:", "promptreel batch list"),
        ),
        do=(
            Step(
                "If it is a mistake, the owner corrects the file and sends it in the next hour. If the limit is too "
                "low for normal use, raise `rejected_rows_an_hour` in `infra/config.py`, and deploy."
            ),
            Step("If it is abuse, revoke the key:", "promptreel keys revoke $KEY"),
        ),
    ),
    Section(
        "A budget is nearly or completely spent",
        {
            "BudgetNearlySpent": "80% of the deployment's budget is spent. Check what it was spent on.",
            "BudgetSpent": "The deployment's budget is spent or has rejected a request. It rejects what does not fit "
            "until it renews. Check what it was spent on, and raise it if the spending is correct.",
            "OwnersBudgetNearlySpent": "80% of the budget of an owner or a key is spent. Check which one, and what it "
            "was spent on.",
            "OwnersBudgetSpent": "The budget of an owner or a key is spent or has rejected a request. It rejects what "
            "does not fit until it renews. Check which one, and raise it if the spending is correct.",
        },
        look=(
            Step("Show the budgets and when they renew:", "promptreel budgets list"),
            Step("Show the spending by owner:", "promptreel usage --by owner"),
            Step("Show the spending by model:", "promptreel usage --by model"),
        ),
        do=(
            Step(
                "If the spending is correct, raise the budget. Add `--owner NAME` for one owner, or `--key ID` for one "
                "key:",
                "promptreel budgets set --day $USD",
            ),
            Step(
                "If it is not, stop the key that was used. This takes effect immediately, also for its queued jobs:",
                "promptreel budgets set --day 0 --key $KEY",
            ),
            Step(
                "Then revoke the key, which takes effect within five minutes:",
                "promptreel keys revoke $KEY",
            ),
        ),
    ),
    Section(
        "A day of charges was not checked",
        {
            "DaysOverdue": "At least one day should have been reconciled hours ago and still is not. The log of "
            "reconcile has the errors. The day stays due until it is done."
        },
        look=(
            Step(
                "Show the days that failed or were interrupted:", "promptreel logs reconcile --since 24h --level info"
            ),
            _DOCTOR,
        ),
        do=(
            Step(
                "Reconcile the day by hand. The command continues until the day is done:",
                "promptreel reconcile --day $DAY",
            ),
            Step(
                "If the provider no longer has the charges of the day, delete its marks in the videos bucket, in "
                "`reconciliation/due/`. Their names begin with the day. Then the day is no longer due."
            ),
        ),
    ),
    Section(
        "The provider's charges and the ledger differ",
        {
            "DoesNotAddUp": "The provider's charges and the ledger differ. The report of the day shows where. A charge "
            "that is not ours may mean that the key has leaked."
        },
        look=(
            Step(
                "List the differences and the location of the report. [Reconciliation](reconciliation.md) explains the "
                "lines:",
                "promptreel reconcile --day $DAY",
            ),
        ),
        do=(
            Step(
                "If a line is `not ours` and nobody else uses the account, the key has leaked. Create a new key at the "
                "provider, store it, and delete the old one at the provider:",
                "promptreel secret set",
            ),
            Step(
                "If lines `not ours` are for videos that you want, import them while the provider's links work:",
                "promptreel import --day $DAY",
            ),
            Step("For `charged twice` or `other amount`, send the ids in the report to the provider's support."),
            Step(
                "For `unreadable`, compare the `row` in the report with the provider's list of transactions. If the "
                "format of the list has changed, report a bug."
            ),
        ),
    ),
)

SECTIONS: Mapping[str, Section] = {alarm: section for section in RUNBOOK for alarm in section.alarms}

# Alarms that no test triggers, because the local cloud cannot cause them or does not report them.
NOT_WALKED: Mapping[str, str] = {
    "ExecutionsTimedOut": "the local cloud does not end an execution by its deadline",
    "BatchesTimedOut": "the local cloud does not end an execution by its deadline",
    "Throttles": "the local cloud lets calls wait instead of throttling them",
    "IngestLate": "the local cloud does not report the age of a queue's oldest message; IngestDeadLetters covers the "
    "section",
    "ApiRejects": "the local cloud has no metrics of the HTTP API",
    "ApiBusy": "the local cloud has no metrics of the HTTP API",
    "DaysOverdue": "a day is overdue only after a night; `tests/functions/test_reconcile.py` covers it",
    "WebhooksLate": "the local cloud does not report the age of a queue's oldest message; WebhooksGivenUp and "
    "WebhookDeadLetters cover the section",
    "VideoIncomplete": "it takes a thousand invocations of Finalize; VideoInvalid covers the section",
}


def description(alarm: str) -> str:
    """Return the alarm's description: what happened, what to do first, and the section of the runbook."""
    if alarm not in SECTIONS:
        raise KeyError(f"infra/runbook.py does not describe the alarm {alarm}: add it to _FUNCTIONS or to a section.")
    section = SECTIONS[alarm]
    return f"{section.alarms[alarm]} docs/runbook.md#{section.anchor}"
