"""Create the stack from its capabilities, in the order of their dependencies."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.announcements import Announcements
from infra.api import Api
from infra.base import Base
from infra.batches import Batches
from infra.capabilities import Capabilities
from infra.config import Stage
from infra.dashboard import Dashboard
from infra.functions import Functions
from infra.monitoring import Monitoring
from infra.posters import Posters
from infra.reconciliation import Reconciliation
from infra.sandbox import Sandbox
from infra.storage import Storage
from infra.triggers import Triggers
from infra.webhooks import Webhooks
from infra.workflow import Workflow


class PromptreelStack(cdk.Stack):
    """All of Promptreel for one stage. The outputs contain the names that clients, operators and tests need."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(
            scope,
            f"promptreel-{stage.name}",
            description=f"Promptreel ({stage.name}): durable text-to-video jobs.",
            termination_protection=stage.keep_data,
        )
        cdk.Tags.of(self).add("project", "promptreel")
        cdk.Tags.of(self).add("stage", stage.name)
        for tag in stage.tags:
            name, _, value = tag.partition("=")
            cdk.Tags.of(self).add(name, value)
        if stage.permissions_boundary:
            boundary = iam.ManagedPolicy.from_managed_policy_arn(self, "Boundary", stage.permissions_boundary)
            iam.PermissionsBoundary.of(self).apply(boundary)

        functions = Functions(self, stage)
        sandbox = Sandbox(self, stage) if stage.simulates_provider else None
        if sandbox:
            stage = sandbox.as_provider_of(stage)
        storage = Storage(self, stage)
        if sandbox:
            sandbox.serve(functions, storage)
        announcements = Announcements(self)
        base = Base(stage=stage, functions=functions, storage=storage, announcements=announcements)
        workflow = Workflow(self, base)
        batches = Batches(self, base, workflow)
        webhooks = Webhooks(self, base)
        Posters(self, base)
        api = Api(self, base, workflow, batches, webhooks)
        triggers = Triggers(self, base, workflow, batches)
        reconciliation = Reconciliation(self, base)
        capabilities = Capabilities(workflow=workflow, batches=batches, webhooks=webhooks, api=api, triggers=triggers)
        monitoring = Monitoring(self, base, capabilities)
        dashboard = Dashboard(self, base, capabilities, monitoring.alarms)

        outputs = {
            "ApiUrl": api.url,  # without a trailing slash, because paths start with one
            **api.domain_outputs,
            "PromptsBucketName": storage.prompts.bucket_name,
            "VideosBucketName": storage.videos.bucket_name,
            "TopicArn": announcements.topic.topic_arn,
            "BusName": announcements.bus.event_bus_name,
            "TableName": storage.ledger.table.table_name,
            "MoneyTableName": storage.money.table.table_name,
            "Budgets": storage.money.environment["BUDGETS"] or "none",
            "SlotsTableName": storage.slots.table.table_name,
            "BatchesTableName": storage.batches.table.table_name,
            "WebhooksTableName": storage.webhooks.table.table_name,
            "FileOwners": storage.inputs_environment["FILE_OWNERS"] or "none",
            "VideoGenerationStateMachineArn": workflow.state_machine.state_machine_arn,
            "PromptBatchStateMachineArn": batches.state_machine.state_machine_arn,
            "IngestQueueUrl": triggers.queue.queue_url,
            "IngestQueueArn": triggers.queue.queue_arn,
            "IngestDeadLetterQueueUrl": triggers.dead_letters.queue_url,
            "WebhooksQueueUrl": webhooks.queue.queue_url,
            "WebhooksDeadLetterQueueUrl": webhooks.dead_letters.queue_url,
            "DeadLetterQueueUrl": workflow.dead_letters.queue_url,
            "RecordFailureFunctionName": workflow.record_failure.function_name,
            "ReconcileFunctionName": reconciliation.reconcile.function_name,
            "ProviderUrl": stage.provider_url,
            "ProviderKeySecretArn": storage.provider_key.attr_id,
            "ApiKeysSecretArn": storage.api_keys.attr_id,
            "DashboardUrl": dashboard.url,
            "VideoRules": stage.retention_environment["VIDEO_RULES"],
            "AccountConcurrency": str(stage.account_concurrency),
            "AlarmTopicArn": monitoring.topic.topic_arn,
        }
        outputs |= sandbox.outputs if sandbox else {}
        # `promptreel doctor` compares the account's concurrency, and checks the permissions of these functions.
        outputs |= {f"{name}RoleArn": role.role_arn for name, role in workflow.task_roles.items()}
        for name, value in outputs.items():
            cdk.CfnOutput(self, name, value=value)
