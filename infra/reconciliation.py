"""What the provider charged, held against the ledger every night."""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from core.reconciliation.reports import FOLDER, WORK
from core.records.table import BY_DONE
from infra.base import Base
from infra.functions import Size, allow

# UTC. Yesterday's charges have come but for the latest. A run that has to stop, or fails, is made good by the next.
_HOURS = "3-8"


class Reconciliation(Construct):
    """The function `reconcile`."""

    def __init__(self, scope: Construct, base: Base) -> None:
        super().__init__(scope, "Reconciliation")
        stage, storage = base.stage, base.storage
        videos = storage.videos
        self.reconcile = base.functions.add(
            "reconcile",
            size=Size(
                timeout_seconds=900,
                memory_mb=512,
                storage_mb=4096,  # both sides of a day, in a file
            ),
            environment={
                **storage.ledger.environment,
                **storage.provider.environment,
                "VIDEOS_BUCKET": videos.bucket_name,
                "CHARGE_LATE_SECONDS": str(stage.charge_late_seconds),
                "ACCOUNT_IS_SHARED": str(stage.account_is_shared).lower(),
            },
            permissions=[
                *storage.ledger.permissions(gets=False, changes=False, finds=True, reads=[BY_DONE]),
                *storage.provider.permissions,
                allow("s3:GetObject", "s3:PutObject", on=videos.arn_for_objects(f"{FOLDER}*")),
                allow("s3:DeleteObject", on=videos.arn_for_objects(f"{WORK}*")),
                allow("s3:ListBucket", on=videos.bucket_arn),  # else what is not there is forbidden
            ],
        )
        events.Rule(
            self,
            "EveryNight",
            description="Holds the provider's charges of yesterday against the ledger.",
            schedule=events.Schedule.cron(minute="20", hour=_HOURS),
            targets=[targets.LambdaFunction(self.reconcile, retry_attempts=0)],
        )
