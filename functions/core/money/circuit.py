"""Make jobs wait while the provider is out of credits, and let one job at a time try again.

Only waiting depends on the item. Losing it costs one more rejection, which is not charged.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.generation import Clock, iso
from core.money.table import PK, SK
from core.records.table import read, write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CIRCUIT = "circuit"


class Circuit:
    """Open while the provider is out of credits."""

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str, now: Clock, probe_seconds: int) -> None:
        self._dynamodb = dynamodb
        self._key = {"TableName": table_name, "Key": write({PK: CIRCUIT, SK: CIRCUIT})}
        self._now = now
        self.probe_seconds = probe_seconds

    def open_since(self) -> datetime | None:
        """Return since when credits are out, or None if there are credits."""
        answer = self._dynamodb.get_item(**self._key, ConsistentRead=True)  # type: ignore[arg-type]  # plain dicts
        return datetime.fromisoformat(read(answer["Item"])["since"]) if "Item" in answer else None

    def may_probe(self) -> bool:
        """Return whether to send although the circuit is open: true for the first caller in each `probe_seconds`."""
        try:
            self._dynamodb.update_item(
                **self._key,  # type: ignore[arg-type]  # plain dicts
                UpdateExpression="SET probe_at = :next",
                ConditionExpression="probe_at <= :now",
                ExpressionAttributeValues=self._times(),
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def open(self) -> None:
        """Record that the provider rejected a request for lack of credits."""
        self._dynamodb.update_item(
            **self._key,  # type: ignore[arg-type]  # plain dicts
            UpdateExpression="SET since = if_not_exists(since, :now), probe_at = :next",
            ExpressionAttributeValues=self._times(),
        )

    def _times(self) -> Any:
        now = self._now()
        return write({":now": iso(now), ":next": iso(now + timedelta(seconds=self.probe_seconds))})

    def close(self) -> None:
        """Record that the provider accepted a request."""
        self._dynamodb.delete_item(**self._key)  # type: ignore[arg-type]  # plain dicts
