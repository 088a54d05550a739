"""What wakes someone up: alarms, each saying what to do, on a topic of their own."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.api import Api
from infra.batches import Batches
from infra.config import Stage
from infra.functions import Functions
from infra.triggers import Triggers
from infra.webhooks import Webhooks
from infra.workflow import Workflow

_PERIOD = cdk.Duration.minutes(5)

# Failures that cost money or stop all jobs, by their names in core/errors.py: what to do.
_COSTLY_FAILURES = {
    "SubmissionUnknown": "The provider may have accepted, and may charge for, a job we have no id of, and did not list "
    "it for a day: look for the generation's id in its log (client_request_id), then use promptreel resolve.",
    "ProviderKeyMissing": "Every job fails: store the provider's key in the secret ProviderKey.",
    "ProviderKeyRejected": "Every job fails: store a valid key in the secret ProviderKey.",
    "ProviderUnavailable": "A job was given up because the provider could not be asked about it: fetch its video by "
    "its provider_id once the provider answers.",
    "GenerationTimedOut": "The provider accepted a job and never finished it: ask the provider about it.",
    "VideoUnavailable": "A paid video could not be downloaded: fetch it by its provider_id, soon.",
    "VideoInvalid": "A paid video arrived broken every time: fetch it by its provider_id and look at it.",
    "VideoIncomplete": "A paid video came in a thousand pieces and not to its end: fetch it by its provider_id, soon.",
    "VideoForbidden": "A paid video is on a host, or of a size, that is not allowed: check the record's link, "
    "then video_hosts and max_video_bytes in infra/config.py.",
    "WorkflowStopped": "An execution was stopped from outside, or outlived its last deadline: its history says when; "
    "CloudTrail by whom.",
    "InternalError": "A fault of Promptreel or of its deployment ended a job, which may be paid for: its execution's "
    "history says where.",
}


_MONEY = (
    (
        "BudgetNearlySpent",
        "BudgetShare",
        80,
        "A budget is spent to 80 %: `promptreel budgets list` says which; `promptreel usage` on what.",
    ),
    (
        "BudgetSpent",
        "BudgetShare",
        100,
        "A budget has no room left, and refuses requests until it renews: `promptreel budgets list` says which, and "
        "`promptreel budgets set` raises it.",
    ),
    (
        "ProviderOutOfCredits",
        "ProviderOutOfCredits",
        1,
        "The provider is out of credits, and jobs wait: top up the account, and they go on within two minutes.",
    ),
)


class Monitoring(Construct):
    """`topic` is where alarms go: subscribe to it."""

    def __init__(
        self,
        scope: Construct,
        stage: Stage,
        functions: Functions,
        workflow: Workflow,
        api: Api,
        triggers: Triggers,
        batches: Batches,
        webhooks: Webhooks,
    ) -> None:
        super().__init__(scope, "Monitoring")
        self.topic = sns.Topic(self, "Alarms", enforce_ssl=True, master_key=self._key())
        # enforce_ssl gives the topic a policy, which replaces the default one that let alarms in.
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            )
        )
        self._watch_workflow(stage, workflow)
        self._watch_functions(stage, functions)
        self._watch_money(stage)
        self._alarm(
            "IngestLate",
            triggers.queue.metric_approximate_age_of_oldest_message(period=_PERIOD),
            "A file or an event has waited for long: the log of ingest says why; it is tried again by itself.",
            threshold=15 * 60,
        )
        self._alarm(
            "IngestDeadLetters",
            triggers.dead_letters.metric_approximate_number_of_messages_visible(period=_PERIOD),
            "A file or an event could not be taken: read the log of ingest, mend the cause, and redrive the queue.",
        )
        self._alarm(
            "WebhooksGivenUp",
            cloudwatch.Metric(
                namespace="Promptreel",
                metric_name="WebhooksGivenUp",
                dimensions_map={"service": f"promptreel-{stage.name}"},
                period=_PERIOD,
                statistic="Sum",
            ),
            "A webhook was not taken in a day, or leads where none may: the log of deliver_webhook says whose and why; "
            "its owner sees it with promptreel webhooks list, and sends it again with promptreel webhooks redeliver.",
        )
        self._alarm(
            "WebhookDeadLetters",
            webhooks.dead_letters.metric_approximate_number_of_messages_visible(period=_PERIOD),
            "A webhook could not be looked after: read the log of deliver_webhook, mend the cause, and redrive the "
            "queue.",
        )
        self._alarm(
            "BatchesFailed",
            batches.state_machine.metric_failed(period=_PERIOD),
            "A batch did not run to its end: its execution says why; drop the file again, and nothing is paid twice.",
        )
        for name, metric in (
            ("BatchesAborted", batches.state_machine.metric_aborted(period=_PERIOD)),
            ("BatchesTimedOut", batches.state_machine.metric_timed_out(period=_PERIOD)),
        ):
            self._alarm(
                name,
                metric,
                "A batch was stopped: its rows that run go on, the others do not start; drop the file again to go on.",
            )
        self._alarm(
            "ApiErrors",
            api.http_api.metric_server_error(period=_PERIOD, statistic="Sum"),
            "The API answered 5xx: read the log of the function api, and of authorize.",
        )
        for name, metric_name, threshold, what_to_do in _MONEY:
            metric = cloudwatch.Metric(
                namespace="Promptreel",
                metric_name=metric_name,
                dimensions_map={"service": f"promptreel-{stage.name}"},
                period=_PERIOD,
                statistic="Maximum",
            )
            self._alarm(name, metric, what_to_do, threshold=threshold)
        for error, what_to_do in _COSTLY_FAILURES.items():
            metric = cloudwatch.Metric(
                namespace="Promptreel",
                metric_name="GenerationFailed",
                dimensions_map={"service": f"promptreel-{stage.name}", "error": error},
                period=_PERIOD,
                statistic="Sum",
            )
            self._alarm(error, metric, what_to_do)

    def _key(self) -> kms.Key:
        """A key of our own for what alarms say: CloudWatch may not use AWS's own key of SNS."""
        key = kms.Key(
            self,
            "AlarmsKey",
            description=f"{cdk.Stack.of(self).stack_name}: alarms on their way to who subscribed",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["kms:GenerateDataKey*", "kms:Decrypt"],
                resources=["*"],  # in a key's policy: this key
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            )
        )
        return key

    def _watch_workflow(self, stage: Stage, workflow: Workflow) -> None:
        machine = workflow.state_machine
        self._alarm(
            "ExecutionsFailed",
            machine.metric_failed(period=_PERIOD),
            "Many jobs failed at once: compare their errors in the ledger; see the provider's status page.",
            threshold=stage.failures_alarm,
        )
        self._alarm(
            "ExecutionsTimedOut",
            machine.metric_timed_out(period=_PERIOD),
            "An execution outlived its last deadline: read its history; a state waits where it should not.",
        )
        self._alarm(
            "DeadLetters",
            workflow.dead_letters.metric_approximate_number_of_messages_visible(period=_PERIOD),
            "A failure could not be recorded: read the queue and the log of record_failure, mend the cause, and "
            "invoke record_failure with each message's event.",
        )

    def _watch_money(self, stage: Stage) -> None:
        self._alarm(
            "DoesNotAddUp",
            cloudwatch.Metric(
                namespace="Promptreel",
                metric_name="DoesNotAddUp",
                dimensions_map={"service": f"promptreel-{stage.name}"},
                period=_PERIOD,
                statistic="Sum",
            ),
            "The provider's charges and the ledger differ: the newest report under reconciliation/ in the videos "
            "bucket says where (docs/reconciliation.md); a charge that is not ours may be a leaked key: renew it.",
        )

    def _watch_functions(self, stage: Stage, functions: Functions) -> None:
        """Errors of each function; and of all functions in the account, those that were called and could not run."""
        for name, function in functions.made.items():
            if name != "ReportBatch":  # which ends a batch as failed
                self._alarm(
                    f"{name}FunctionErrors" if name == "Api" else f"{name}Errors",
                    # One that runs only at night has all of it to go wrong so often.
                    function.metric_errors(period=cdk.Duration.hours(6) if name == "Reconcile" else _PERIOD),
                    f"The function {name} keeps ending with errors: its log says which.",
                    threshold=stage.failures_alarm,
                )
        self._alarm(
            "Throttles",
            cloudwatch.Metric(namespace="AWS/Lambda", metric_name="Throttles", period=_PERIOD, statistic="Sum"),
            "Functions of this account were called and could not run: they are tried again for hours, but everything "
            "is slow; ask AWS for more concurrent executions.",
            threshold=100,
        )

    def _alarm(self, name: str, metric: cloudwatch.IMetric, what_to_do: str, threshold: int = 1) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=what_to_do,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
