"""Create the SNS topic and the EventBridge bus that announce the end of a generation."""

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from core.publish.announcer import EVENT_SOURCE
from infra.functions import allow


class Announcements(Construct):
    """The `topic` for subscribers and the `bus` for rules. Both carry the same announcements."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, "Announcements")
        key = kms.Alias.from_alias_name(self, "Key", "alias/aws/sns")  # managed by AWS, at no cost
        self.topic = sns.Topic(self, "Topic", enforce_ssl=True, master_key=key)
        self.bus = events.EventBus(self, "Bus")

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment that a function needs to announce."""
        return {"TOPIC_ARN": self.topic.topic_arn, "BUS_NAME": self.bus.event_bus_name}

    @property
    def permissions(self) -> list[iam.PolicyStatement]:
        """Return the permissions that a function needs to announce."""
        return [
            allow("sns:Publish", on=self.topic.topic_arn),
            # Announcements only: an event with a request on this bus starts a paid job.
            iam.PolicyStatement(
                actions=["events:PutEvents"],
                resources=[self.bus.event_bus_arn],
                conditions={
                    "StringEquals": {"events:source": EVENT_SOURCE},
                    "StringLike": {"events:detail-type": ["* Completed", "* Failed"]},
                },
            ),
        ]
