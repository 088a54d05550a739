"""Make posters: a rule, and the function that decodes videos, which are a stranger's bytes.

The function is not part of any workflow. If it fails, videos have no poster, and nothing else changes.
"""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from core.archive.objects import POSTERS, VIDEOS
from core.publish.announcer import EVENT_SOURCE
from infra.base import Base
from infra.functions import Size, allow
from infra.nag import acknowledge

SECONDS = 60  # to read 40 MiB and to draw
# A deleted generation's files are deleted again after `core.records.ledger.LONGEST_FUNCTION`. So a poster must not be
# made later than that, by the rule's and Lambda's retries.
LATE = cdk.Duration.minutes(5)


class Posters(Construct):
    """The function `make_poster` and its rule."""

    def __init__(self, scope: Construct, base: Base) -> None:
        super().__init__(scope, "Posters")
        videos = base.storage.videos
        self.make = base.functions.add(
            "make_poster",
            size=Size(timeout_seconds=SECONDS, memory_mb=512),
            environment={
                "VIDEOS_BUCKET": videos.bucket_name,
                "POSTER_PACKAGES": ",".join(base.stage.poster_packages),
            },
            permissions=[
                allow("s3:GetObject", "s3:GetObjectTagging", on=videos.arn_for_objects(VIDEOS)),
                allow("s3:PutObject", "s3:PutObjectTagging", on=videos.arn_for_objects(POSTERS)),
            ],
        )
        self.make.configure_async_invoke(retry_attempts=1, max_event_age=LATE)
        rule = events.Rule(
            self,
            "Completed",
            description="Videos that need a poster.",
            event_bus=base.announcements.bus,
            event_pattern=events.EventPattern(source=[EVENT_SOURCE], detail_type=["Generation Completed"]),
            targets=[targets.LambdaFunction(self.make, retry_attempts=1, max_event_age=LATE)],
        )
        acknowledge(
            rule, "Serverless-EventBusDLQ", "A video without a poster is complete. An alarm watches the errors."
        )
