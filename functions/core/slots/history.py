"""Record the numbers of used slots and queued jobs by hour. The sweep samples them each minute.

An hour is one item of the table of slots, which expires after `KEPT_FOR`. Adding a sample to it is one write, without a
read or a condition. Two samples in a minute do no harm, because the console shows the mean.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from core.records.table import EXPIRES_AT, read, write
from core.slots.table import HOUR, PK, SK

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT_FOR = timedelta(days=14)
_FORMAT = "%Y-%m-%dT%H:00Z"


@dataclass(frozen=True)
class Hour:
    """The means of an hour."""

    hour: str  # when it began, 2026-11-25T10:00Z
    held: float
    waiting: float


class History:
    """The recorded hours."""

    def __init__(self, dynamodb: "DynamoDBClient", slots_table_name: str) -> None:
        self._dynamodb = dynamodb
        self._name = slots_table_name

    def note(self, held: int, waiting: int, now: datetime) -> None:
        """Add a sample: the numbers of held slots and of waiting jobs."""
        expires_at = int((now + KEPT_FOR).timestamp())
        self._dynamodb.update_item(
            TableName=self._name,
            Key=write({PK: HOUR, SK: f"{now:{_FORMAT}}"}),
            UpdateExpression=f"ADD held :held, waiting :waiting, samples :one SET {EXPIRES_AT} = :expires_at",
            ExpressionAttributeValues=write({":held": held, ":waiting": waiting, ":one": 1, ":expires_at": expires_at}),
        )

    def since(self, first: datetime) -> list[Hour]:
        """Return the hours since the one that contains `first`, earliest first. Hours without a sample are left out."""
        answer = self._dynamodb.query(  # all hours that are kept fit into one page
            TableName=self._name,
            KeyConditionExpression=f"{PK} = :pk AND {SK} >= :first",
            ExpressionAttributeValues=write({":pk": HOUR, ":first": f"{first:{_FORMAT}}"}),
        )
        return [
            Hour(item[SK], round(item["held"] / item["samples"], 2), round(item["waiting"] / item["samples"], 2))
            for item in map(read, answer["Items"])
        ]
