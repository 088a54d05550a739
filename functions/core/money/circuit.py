"""The circuit: where the provider says that credits are out, jobs wait, and one at a time tries whether they still are.

Nothing but waiting depends on the item: one that is lost costs a refusal more, which is not charged.
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
        """Since when credits are out; None if they are not."""
        answer = self._dynamodb.get_item(**self._key, ConsistentRead=True)  # type: ignore[arg-type]  # plain dicts
        return datetime.fromisoformat(read(answer["Item"])["since"]) if "Item" in answer else None

    def may_probe(self) -> bool:
        """Whether to send although it is open: whoever asks first in so many seconds."""
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
        """The provider has refused for lack of credits."""
        self._dynamodb.update_item(
            **self._key,  # type: ignore[arg-type]  # plain dicts
            UpdateExpression="SET since = if_not_exists(since, :now), probe_at = :next",
            ExpressionAttributeValues=self._times(),
        )

    def _times(self) -> Any:
        now = self._now()
        return write({":now": iso(now), ":next": iso(now + timedelta(seconds=self.probe_seconds))})

    def close(self) -> None:
        """The provider has accepted a request."""
        self._dynamodb.delete_item(**self._key)  # type: ignore[arg-type]  # plain dicts
