"""Create the alarms, with the descriptions of infra/runbook.py, and the topic that receives them."""

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.base import Base
from infra.capabilities import Capabilities
from infra.config import Stage
from infra.functions import Functions
from infra.runbook import description
from infra.workflow import Workflow

_PERIOD = cdk.Duration.minutes(5)

# Failures that cost money or stop all jobs, by their names in core/errors.py.
_COSTLY_FAILURES = (
    "SubmissionUnknown",
    "ProviderKeyMissing",
    "ProviderKeyRejected",
    "ProviderUnavailable",
    "GenerationTimedOut",
    "VideoUnavailable",
    "VideoInvalid",
    "VideoIncomplete",
    "VideoForbidden",
    "WorkflowStopped",
    "InternalError",
)

# Alarms on metrics that the sweep publishes: name, metric and threshold.
_MONEY = (
    ("BudgetNearlySpent", "BudgetShare", 80),
    ("BudgetSpent", "BudgetShare", 100),
    ("OwnersBudgetNearlySpent", "OwnersBudgetShare", 80),
    ("OwnersBudgetSpent", "OwnersBudgetShare", 100),
    ("ProviderOutOfCredits", "ProviderOutOfCredits", 1),
)


class Monitoring(Construct):
    """The `alarms`, and the `topic` that receives them. Subscribe to the topic to be notified."""

    def __init__(self, scope: Construct, base: Base, capabilities: Capabilities) -> None:
        super().__init__(scope, "Monitoring")
        stage, batches, triggers = base.stage, capabilities.batches, capabilities.triggers
        self.topic = sns.Topic(self, "Alarms", enforce_ssl=True, master_key=self._key())
        # enforce_ssl gives the topic a policy, which replaces the default one that allows alarms.
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            )
        )
        self.alarms: list[cloudwatch.Alarm] = []
        self._watch_workflow(stage, capabilities.workflow)
        self._watch_functions(stage, base.functions)
        self._watch_money(stage)
        for name, queue, minutes in (
            ("IngestLate", triggers.queue, 15),
            ("WebhooksLate", capabilities.webhooks.queue, 30),  # a message that waits is up to 15 minutes old
        ):
            oldest = queue.metric_approximate_age_of_oldest_message(period=_PERIOD)
            self._alarm(name, oldest, threshold=minutes * 60)
        for name, metric in (
            ("IngestDeadLetters", triggers.dead_letters.metric_approximate_number_of_messages_visible(period=_PERIOD)),
            (
                "WebhookDeadLetters",
                capabilities.webhooks.dead_letters.metric_approximate_number_of_messages_visible(period=_PERIOD),
            ),
            ("WebhooksGivenUp", self._own(stage, "WebhooksGivenUp", "Sum")),
            ("RejectedRows", self._own(stage, "RejectedRowsExceeded", "Sum")),
            ("BatchesFailed", batches.state_machine.metric_failed(period=_PERIOD)),
            ("BatchesAborted", batches.state_machine.metric_aborted(period=_PERIOD)),
            ("BatchesTimedOut", batches.state_machine.metric_timed_out(period=_PERIOD)),
            ("ApiErrors", capabilities.api.http_api.metric_server_error(period=_PERIOD, statistic="Sum")),
        ):
            self._alarm(name, metric)
        self._watch_api(stage, capabilities.api.http_api)

    def _watch_api(self, stage: Stage, http_api: apigateway.HttpApi) -> None:
        """Watch for requests that may use up the limit of all owners."""
        most = stage.requests_per_second * int(_PERIOD.to_seconds())
        self._alarm("ApiRejects", http_api.metric_client_error(period=_PERIOD, statistic="Sum"), threshold=most // 10)
        self._alarm("ApiBusy", http_api.metric_count(period=_PERIOD, statistic="Sum"), threshold=most // 2)

    def _key(self) -> kms.Key:
        """Create a key for the alarm messages: CloudWatch cannot use the key that AWS manages for SNS."""
        key = kms.Key(
            self,
            "AlarmsKey",
            description=f"{cdk.Stack.of(self).stack_name}: alarm messages",
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
        self._alarm("ExecutionsFailed", machine.metric_failed(period=_PERIOD), threshold=stage.failures_alarm)
        self._alarm("ExecutionsTimedOut", machine.metric_timed_out(period=_PERIOD))
        self._alarm("DeadLetters", workflow.dead_letters.metric_approximate_number_of_messages_visible(period=_PERIOD))
        for error in _COSTLY_FAILURES:
            self._alarm(error, self._own(stage, "GenerationFailed", "Sum", error=error))

    def _watch_money(self, stage: Stage) -> None:
        self._alarm("DoesNotAddUp", self._own(stage, "DoesNotAddUp", "Sum"))
        # Each run of a night reports it until no day is overdue. The runs are an hour apart.
        self._alarm("DaysOverdue", self._own(stage, "DaysOverdue", "Maximum").with_(period=cdk.Duration.hours(6)))
        for name, metric_name, threshold in _MONEY:
            self._alarm(name, self._own(stage, metric_name, "Maximum"), threshold=threshold)

    def _watch_functions(self, stage: Stage, functions: Functions) -> None:
        """Watch the errors of each function, and the throttled invocations in the whole account."""
        for name, function in functions.made.items():
            if name != "ReportBatch":  # its errors end the batch as failed
                self._alarm(
                    f"{name}FunctionErrors" if name == "Api" else f"{name}Errors",
                    # Reconcile runs only once an hour at night, so its errors are counted over the whole night.
                    function.metric_errors(period=cdk.Duration.hours(6) if name == "Reconcile" else _PERIOD),
                    threshold=stage.failures_alarm,
                )
        self._alarm(
            "Throttles",
            cloudwatch.Metric(namespace="AWS/Lambda", metric_name="Throttles", period=_PERIOD, statistic="Sum"),
            threshold=100,
        )

    def _own(self, stage: Stage, name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
        """Return a metric that the functions publish (functions/wiring/metrics.py)."""
        return cloudwatch.Metric(
            namespace="Promptreel",
            metric_name=name,
            dimensions_map={"service": f"promptreel-{stage.name}", **dimensions},
            period=_PERIOD,
            statistic=statistic,
        )

    def _alarm(self, name: str, metric: cloudwatch.IMetric, threshold: int = 1) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=description(name),
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        self.alarms.append(alarm)
