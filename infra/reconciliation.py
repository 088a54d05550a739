"""Create the function that compares the provider's charges with the ledger every night."""

from aws_cdk import aws_events as events
from constructs import Construct

from core.reconciliation.shelf import DUE, FOLDER, WORK
from core.records.table import BY_DONE, BY_PROVIDER_ID
from infra.base import Base
from infra.functions import Size, allow
from infra.schedule import repeat

# UTC. By then almost all of yesterday's charges have arrived. The next run repeats one that failed or was cut short.
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
                storage_mb=4096,  # for files with the charges of a day and of its generations
            ),
            environment={
                **storage.ledger.environment,
                **storage.provider.environment,
                "VIDEOS_BUCKET": videos.bucket_name,
                "CHARGE_LATE_SECONDS": str(stage.charge_late_seconds),
                "ACCOUNT_IS_SHARED": str(stage.account_is_shared).lower(),
            },
            permissions=[
                *storage.ledger.permissions(gets=False, changes=False, finds=True, reads=[BY_DONE, BY_PROVIDER_ID]),
                *storage.provider.permissions,
                allow("s3:GetObject", "s3:PutObject", on=videos.arn_for_objects(f"{FOLDER}*")),
                allow("s3:DeleteObject", on=videos.arn_for_objects(f"{WORK}*")),
                allow("s3:DeleteObject", on=videos.arn_for_objects(f"{DUE}*")),
                allow("s3:ListBucket", on=videos.bucket_arn),  # without it a missing object is a 403
            ],
        )
        repeat(self, "EveryNight", events.Schedule.cron(minute="20", hour=_HOURS), self.reconcile)
