"""Accept requests in files in the prompts bucket and in events on the bus, through one queue."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from core.records.table import BY_BATCH
from infra.base import Base
from infra.batches import Batches
from infra.dead_letters import dead_letters
from infra.functions import Size, allow
from infra.nag import MAPPING, acknowledge
from infra.workflow import Workflow

RECEIVES = 5  # before a message moves to the dead-letter queue


class Triggers(Construct):
    """The `queue`, its `dead_letters`, and the function `ingest` that processes the messages."""

    def __init__(self, scope: Construct, base: Base, workflow: Workflow, batches: Batches) -> None:
        super().__init__(scope, "Triggers")
        stage, functions, storage = base.stage, base.functions, base.storage
        announcements = base.announcements
        self.dead_letters = dead_letters(self)
        self.queue = sqs.Queue(
            self,
            "Queue",
            enforce_ssl=True,
            visibility_timeout=cdk.Duration.seconds(stage.ingest_seconds + 30),  # until ingest changes it for a message
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=RECEIVES, queue=self.dead_letters),
        )
        machines = (workflow.state_machine.state_machine_arn, batches.state_machine.state_machine_arn)
        self.ingest = functions.add(
            "ingest",
            size=Size(
                timeout_seconds=stage.ingest_seconds,
                memory_mb=512,
                storage_mb=4096,  # one copy of a batch's rows while they are read
            ),
            environment={
                **storage.ledger.environment,
                **storage.batches.rejecting(stage),
                **storage.inputs_environment,
                "STATE_MACHINE_ARN": machines[0],
                "BATCH_STATE_MACHINE_ARN": machines[1],
                "BATCH_CONCURRENCY": str(stage.batch_concurrency),
                "QUEUE_URL": self.queue.queue_url,
                "DEFAULT_MODEL": stage.default_model,
                "EVENT_OWNERS": ",".join(stage.event_owners),
                **stage.model_environment,
                **stage.webhook_environment,
                **announcements.environment,
                **storage.money.environment,
            },
            permissions=[
                # The index has the rows of batches whose files an earlier release has read.
                *storage.ledger.permissions(adds=True, finds=True, reads=[BY_BATCH]),
                *storage.batches.permissions("PutItem", "UpdateItem", "BatchWriteItem", lists=True),
                allow("s3:GetObjectVersion", on=storage.prompts.arn_for_objects("*")),
                *storage.inputs_permissions(),
                storage.stores_uploads,
                allow("s3:PutObject", on=storage.videos.arn_for_objects("batches/*")),
                allow("s3:PutObject", "s3:GetObject", on=storage.ids_of_rows),
                *(allow("states:StartExecution", on=machine) for machine in machines),
                allow("states:DescribeExecution", on=batches.executions_arn),
                *storage.money.holds,
                *announcements.permissions,
            ],
        )
        self.ingest.add_event_source(
            sources.SqsEventSource(
                self.queue,
                batch_size=1,  # a large file gets the function's whole time
                max_concurrency=base.stage.queue_concurrency,
                report_batch_item_failures=True,
            )
        )
        acknowledge(self.ingest, MAPPING, "Messages that fail move to the queue's dead letters.")
        self._to_queue(
            "FileDropped",
            "Prompt files dropped in S3.",
            events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [storage.prompts.bucket_name]}},
            ),
        )
        self._to_queue(
            "GenerationRequested",
            "Requests on the project's bus.",
            events.EventPattern(detail_type=["Generation Requested"]),
            bus=announcements.bus,
        )

    def _to_queue(
        self, name: str, description: str, pattern: events.EventPattern, bus: events.IEventBus | None = None
    ) -> None:
        events.Rule(
            self,
            name,
            description=description,
            event_bus=bus,
            event_pattern=pattern,
            targets=[targets.SqsQueue(self.queue, dead_letter_queue=self.dead_letters)],
        )
