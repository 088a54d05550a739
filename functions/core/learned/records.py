"""Read and write the learned times and costs of generations, model by model.

The table of slots holds an item for each model and each combination of the parameters that change its time. Its pk is
"times". A finished generation writes its time and its cost at the position that its id determines, over the values of
an earlier generation. That is one write without a read or a condition, so concurrent and repeated writes are harmless,
and old values are replaced little by little. Only the time of a poll, an estimate, and the times that users see depend
on these items.
"""

import logging
import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from core.generation import Generation
from core.learned.times import FEW, Times
from core.records.table import Item, read, write
from core.slots.table import PK, SK

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

logger = logging.getLogger("promptreel")

TIMES = "times"  # the pk
TIME, COST = "t", "c"  # attributes, followed by the number of a position: milliseconds, and credits
POSITIONS = 100  # generations that an item remembers, in less than 2 KiB
PARAMETERS = ("duration", "resolution", "generate_audio")  # of a request, which change its time
MOST_PARAMETERS = 16  # characters of one value: a passed-through model accepts anything
MOST_KINDS = 50  # items of one model that are read
MOST_ITEMS = 1000  # items of all models that are read


class Learned:
    """Read and write the learned times and costs.

    If the table fails, log that and continue as if nothing were known: no generation waits for the table.
    """

    def __init__(self, dynamodb: "DynamoDBClient", slots_table_name: str) -> None:
        self._dynamodb = dynamodb
        self._name = slots_table_name

    def times_of(self, request: Mapping[str, Any]) -> Times:
        """Return the times of requests with the same model and parameters.

        If those are too few, return the times of the whole model.
        """
        items, kind = self._of_model(request), _kind(request)
        same = Times.of(second for item in items if item[SK] == kind for second in _seconds(item))
        return same or Times.of(second for item in items for second in _seconds(item))

    def of_models(self) -> dict[str, Times]:
        """Return the times of each model, for all parameters together."""
        found: dict[str, list[float]] = {}
        for item in self._items(f"{PK} = :pk", {}, MOST_ITEMS):
            found.setdefault(str(item[SK]).split(" ", 1)[0], []).extend(_seconds(item))
        return {model: Times.of(seconds) for model, seconds in found.items()}

    def costs_of(self, request: Mapping[str, Any]) -> list[int]:
        """Return the credits that the latest requests with the same model and parameters cost, the lowest first.

        If those are too few, return the costs of the whole model, and if these are too few, an empty list.
        """
        items, kind = self._of_model(request), _kind(request)
        same = sorted(credits_ for item in items if item[SK] == kind for credits_ in _values(item, COST))
        found = same if len(same) >= FEW else sorted(credits_ for item in items for credits_ in _values(item, COST))
        return found if len(found) >= FEW else []

    def note(self, generation: Generation, seconds: float | None, credits_used: int | None) -> None:
        """Record how long a generation took and how much it cost; None for what is not known.

        A cost of zero is not recorded: budgets would then hold nothing for similar requests.
        """
        position = zlib.crc32(generation.generation_id.encode()) % POSITIONS
        known = {TIME: None if seconds is None else round(seconds * 1000), COST: credits_used or None}
        noted = {kind: value for kind, value in known.items() if value is not None}
        if not noted:
            return
        try:
            self._dynamodb.update_item(
                TableName=self._name,
                Key={PK: {"S": TIMES}, SK: {"S": _kind(generation.request)}},
                UpdateExpression="SET " + ", ".join(f"#{kind} = :{kind}" for kind in noted),
                ExpressionAttributeNames={f"#{kind}": f"{kind}{position}" for kind in noted},
                ExpressionAttributeValues=write({f":{kind}": value for kind, value in noted.items()}),
            )
        except (BotoCoreError, ClientError) as error:
            logger.warning("the time of generation %s was not noted: %s", generation.generation_id, error)

    def _of_model(self, request: Mapping[str, Any]) -> list[Item]:
        """Return all items of the request's model."""
        return self._items(f"{PK} = :pk AND begins_with({SK}, :of)", {":of": f"{_model(request)} "}, MOST_KINDS)

    def _items(self, condition: str, values: Item, most: int) -> list[Item]:
        try:
            answer = self._dynamodb.query(
                TableName=self._name,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=write({":pk": TIMES, **values}),
                Limit=most,
            )
        except (BotoCoreError, ClientError) as error:
            logger.warning("learned times and costs were not read: %s", error)
            return []
        return [read(item) for item in answer["Items"]]


def _model(request: Mapping[str, Any]) -> str:
    return "".join(str(request.get("model", ""))[:200].split())  # a space ends the name in a sort key


def _kind(request: Mapping[str, Any]) -> str:
    """Return an item's sort key: the model, and those of the parameters that the request has."""
    given = {name: str(request[name]).lower() for name in PARAMETERS if name in request}
    return " ".join([_model(request), *(f"{name}={value[:MOST_PARAMETERS]}" for name, value in given.items())]) + " "


def _seconds(item: Item) -> Iterable[float]:
    return (milliseconds / 1000 for milliseconds in _values(item, TIME))


def _values(item: Item, kind: str) -> Iterable[int]:
    return (value for name, value in item.items() if name.startswith(kind) and name[len(kind) :].isdecimal())
