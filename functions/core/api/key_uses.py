"""Record when each API key was last used, to the hour, for `promptreel keys list` and `GET /v2/keys`."""

from typing import TYPE_CHECKING

from core.generation import Clock, iso
from core.money.table import PK, SK, items_of
from core.records.table import write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = "key"  # the pk; the sk is the key's id


class KeyUses:
    """The last use of each key, one item per key.

    The items are in the table of money, because the API reads and writes this table for each request anyway.
    """

    def __init__(self, dynamodb: "DynamoDBClient", money_table_name: str, now: Clock) -> None:
        self._dynamodb = dynamodb
        self._name = money_table_name
        self._now = now

    def note(self, key_id: str) -> None:
        """Record that a key is used now."""
        self._dynamodb.update_item(
            TableName=self._name,
            Key=write({PK: KEY, SK: key_id}),
            UpdateExpression="SET used_at = :now",
            ExpressionAttributeValues=write({":now": iso(self._now())}),
        )

    def latest(self) -> dict[str, str]:
        """Return the last use of each key by its id, in ISO 8601. Keys that were never used are left out."""
        return {item[SK]: item["used_at"] for item in items_of(self._dynamodb, self._name, KEY)}
