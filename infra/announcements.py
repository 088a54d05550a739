"""Where the end of a generation is announced: an SNS topic and an EventBridge bus."""

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from core.publish.announcer import EVENT_SOURCE
from infra.functions import allow


class Announcements(Construct):
    """`topic` and `bus`; both say the same, to subscribers and to rules."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, "Announcements")
        key = kms.Alias.from_alias_name(self, "Key", "alias/aws/sns")  # AWS's own, which costs nothing
        self.topic = sns.Topic(self, "Topic", enforce_ssl=True, master_key=key)
        self.bus = events.EventBus(self, "Bus")

    @property
    def environment(self) -> dict[str, str]:
        """What a function needs to announce."""
        return {"TOPIC_ARN": self.topic.topic_arn, "BUS_NAME": self.bus.event_bus_name}

    @property
    def permissions(self) -> list[iam.PolicyStatement]:
        """What a function may do to announce."""
        return [
            allow("sns:Publish", on=self.topic.topic_arn),
            # Only as announcements: a request on this bus orders a video.
            iam.PolicyStatement(
                actions=["events:PutEvents"],
                resources=[self.bus.event_bus_arn],
                conditions={
                    "StringEquals": {"events:source": EVENT_SOURCE},
                    "StringLike": {"events:detail-type": ["* Completed", "* Failed"]},
                },
            ),
        ]
