"""Deliver announcements to webhooks: a rule, a queue, and the function that sends them."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from core.publish.announcer import EVENT_SOURCE
from infra.base import Base
from infra.config import Stage
from infra.dead_letters import KEPT_FOR, dead_letters
from infra.functions import Size, allow
from infra.nag import MAPPING, acknowledge
from infra.storage import Storage

SECONDS = 45  # per delivery: 25 for the request, and the rest for slow DNS and for hosts with many addresses
# A message is received once. After an internal error it is received again within 15 minutes, so for about a day.
RECEIVES = 100


class Webhooks(Construct):
    """The `queue`, its `dead_letters`, and the function `deliver_webhook`."""

    def __init__(self, scope: Construct, base: Base) -> None:
        super().__init__(scope, "Webhooks")
        storage = base.storage
        self.dead_letters = dead_letters(self)
        self.queue = sqs.Queue(
            self,
            "Queue",
            enforce_ssl=True,
            retention_period=KEPT_FOR,
            visibility_timeout=cdk.Duration.seconds(SECONDS + 30),  # until the function changes it after an error
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=RECEIVES, queue=self.dead_letters),
        )
        self.deliver = base.functions.add(
            "deliver_webhook",
            size=Size(timeout_seconds=SECONDS),
            environment={
                **storage.ledger.environment,
                **self.environment(base.stage, storage),
                "SENDERS": str(base.stage.queue_concurrency),  # as many as the queue starts
            },
            permissions=[
                *storage.ledger.permissions(changes=False),
                *storage.webhooks.permissions(),
                allow("sqs:SendMessage", on=self.queue.queue_arn),  # for messages that have to wait
            ],
        )
        senders = base.stage.queue_concurrency
        self.deliver.add_event_source(sources.SqsEventSource(self.queue, batch_size=1, max_concurrency=senders))
        acknowledge(self.deliver, MAPPING, "Messages that fail move to the queue's dead letters.")
        events.Rule(
            self,
            "Announced",
            description="Announcements for webhooks.",
            event_bus=base.announcements.bus,
            event_pattern=events.EventPattern(
                source=[EVENT_SOURCE],
                detail_type=["Generation Completed", "Generation Failed"],
                detail={"webhook": [True]},
            ),
            targets=[targets.SqsQueue(self.queue, dead_letter_queue=self.dead_letters)],
        )

    def environment(self, stage: Stage, storage: Storage) -> dict[str, str]:
        """Return the environment of a function that handles webhooks."""
        return {
            **storage.webhooks.environment,
            **stage.webhook_environment,
            "WEBHOOKS_QUEUE_URL": self.queue.queue_url,
        }
