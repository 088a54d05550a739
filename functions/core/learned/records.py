"""Read and write the learned times and costs of generations.

The table of slots holds an item for each model, with the times of all its generations (pk "times"), and an item for
each kind of request, with its times and costs (pk "kinds"). A finished generation writes its values at the position
that its id determines, over those of an earlier generation. These writes need neither a read nor a condition, so
concurrent and repeated writes are harmless, and new values gradually replace old ones. Only the time of a poll, an
estimate, and the times that users see depend on these items.
"""

import logging
import time
import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from core.generation import Generation
from core.learned.kinds import has_media, kind_of, model_of
from core.learned.times import FEW, Times
from core.records.table import EXPIRES_AT, Item, read, write
from core.slots.table import PK, SK

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

logger = logging.getLogger("promptreel")

TIMES, KINDS = "times", "kinds"  # the pk
TIME, COST = "t", "c"  # attributes, followed by the number of a position: milliseconds, and credits
POSITIONS = 100  # generations that an item remembers, in less than 2 KiB
MOST_MODELS = 1000  # items of models that are read
KEPT_SECONDS = 90 * 86_400  # of an item, after its latest write


class Learned:
    """Read and write the learned times and costs.

    If the table fails, log that and continue as if nothing were known: no generation waits for the table.
    """

    def __init__(self, dynamodb: "DynamoDBClient", slots_table_name: str) -> None:
        self._dynamodb = dynamodb
        self._name = slots_table_name

    def times_of(self, request: Mapping[str, Any], owner: str) -> Times:
        """Return the times of requests of the same kind or, if those are too few, of the whole model."""
        same = Times.of(_seconds(self._read(_key_of_kind(request, owner))))
        return same or Times.of(_seconds(self._read(_key_of_model(request))))

    def of_models(self) -> dict[str, Times]:
        """Return the times of each model, for all parameters together."""
        try:
            answer = self._dynamodb.query(
                TableName=self._name,
                KeyConditionExpression=f"{PK} = :pk",
                ExpressionAttributeValues=write({":pk": TIMES}),
                Limit=MOST_MODELS,
            )
        except (BotoCoreError, ClientError) as error:
            logger.warning("learned times were not read: %s", error)
            return {}
        return {str(item[SK]): Times.of(_seconds(item)) for item in map(read, answer["Items"])}

    def costs_of(self, request: Mapping[str, Any], owner: str) -> list[int]:
        """Return the credits that the latest requests of the same kind cost, the lowest first.

        If those are too few, return an empty list. Requests with other parameters say nothing about the cost. If a
        request has media as an input, only requests of the same owner do.
        """
        found = sorted(_values(self._read(_key_of_kind(request, owner)), COST))
        return found if len(found) >= FEW else []

    def note(self, generation: Generation, seconds: float | None, credits_used: int | None) -> None:
        """Record how long a generation took and how much it cost. Pass None for an unknown value.

        A cost of zero is not recorded: budgets would then hold nothing for similar requests.
        """
        took = None if seconds is None else round(seconds * 1000)
        try:
            kind = _key_of_kind(generation.request, generation.owner)
            self._note(kind, generation, {TIME: took, COST: credits_used or None})
            self._note(_key_of_model(generation.request), generation, {TIME: took})
        except (BotoCoreError, ClientError) as error:
            logger.warning("the time of generation %s was not noted: %s", generation.generation_id, error)

    def forget(self, generation: Generation) -> None:
        """Delete what was learned from requests with media like this one's, which only its owner's requests share."""
        if has_media(generation.request):
            key = write(_key_of_kind(generation.request, generation.owner))
            self._dynamodb.delete_item(TableName=self._name, Key=key)

    def _note(self, key: Item, generation: Generation, values: Mapping[str, int | None]) -> None:
        position = zlib.crc32(generation.generation_id.encode()) % POSITIONS
        known = {f"{name}{position}": value for name, value in values.items() if value is not None}
        if not known:
            return
        known[EXPIRES_AT] = int(time.time()) + KEPT_SECONDS
        self._dynamodb.update_item(
            TableName=self._name,
            Key=write(key),
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in known),
            ExpressionAttributeValues=write({f":{name}": value for name, value in known.items()}),
        )

    def _read(self, key: Item) -> Item:
        """Return the item with this key, or an empty one."""
        try:
            answer = self._dynamodb.get_item(TableName=self._name, Key=write(key))
        except (BotoCoreError, ClientError) as error:
            logger.warning("learned times and costs were not read: %s", error)
            return {}
        return read(answer.get("Item", {}))


def _key_of_model(request: Mapping[str, Any]) -> Item:
    return {PK: TIMES, SK: model_of(request) or "-"}


def _key_of_kind(request: Mapping[str, Any], owner: str) -> Item:
    return {PK: KINDS, SK: f"{model_of(request)} {kind_of(request, owner)}"}


def _seconds(item: Item) -> Iterable[float]:
    return (milliseconds / 1000 for milliseconds in _values(item, TIME))


def _values(item: Item, kind: str) -> Iterable[int]:
    return (value for name, value in item.items() if name.startswith(kind) and name[len(kind) :].isdecimal())
