"""How long the provider takes for a generation, and what it costs: learned from those that it finished, model by model.

The table of slots holds an item for each model and the parameters that change its time, of pk "times". A finished
generation writes its time, and its cost, at the position that its id names, over what an earlier one left there.
That is one write that needs no read and no condition: two at once, or the same one again, do no harm, and what was
long ago is forgotten little by little. Nothing depends on it but when a check is made and what a user is shown.
"""

import logging
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from core.generation import Generation
from core.records.table import Item, read, write
from core.slots.table import PK, SK

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

logger = logging.getLogger("promptreel")

TIMES = "times"  # the pk
TIME, COST = "t", "c"  # with the number of a position: milliseconds, and credits
POSITIONS = 100  # generations an item remembers, in less than 2 KiB
FEW = 5  # fewer times than these say nothing: they may be a moment's
QUIET = 1.1  # times as long as a generation took: from then on none like it is expected any more
EARLY = 0.05  # of the generations are done by the time that is called early
PARAMETERS = ("duration", "resolution", "generate_audio")  # those that the time depends on
MOST_PARAMETERS = 16  # characters of one's value: a model that is passed through may be asked for anything
MOST_KINDS = 50  # of one model that are looked at
MOST_ITEMS = 1000  # of all models


@dataclass(frozen=True)
class Times:
    """What is known of a kind of generation: the seconds that the latest ones took, shortest first."""

    seconds: tuple[float, ...] = ()

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Self:
        """These, in any order."""
        return cls(tuple(sorted(seconds)))

    def __bool__(self) -> bool:
        return len(self.seconds) >= FEW

    def early(self, age: float = 0) -> float | None:
        """Seconds from the submission by which hardly one of the generations is done that take longer than `age`.

        Of few, a little sooner than the first of them. None where too few took longer, and where one took nearly as
        long as `age`: the next may be done at any moment.
        """
        at = bisect_right(self.seconds, age)
        later = self.seconds[at:]
        if len(later) < FEW or (at and age < self.seconds[at - 1] * QUIET):
            return None
        rank = EARLY * (len(later) + 1)
        if rank < 1:
            return later[0] * (0.75 + 0.25 * rank)
        below = int(rank)
        return later[below - 1] + (rank - below) * (later[below] - later[below - 1])

    def shown(self) -> dict[str, Any] | None:
        """What a user is told: `median_seconds`, `slowest_tenth_seconds` (one in ten takes as long or longer), and of
        how many `jobs`; None where nothing is known."""
        if not self.seconds:
            return None
        count = len(self.seconds)
        return {
            "median_seconds": round(self.seconds[count // 2], 1),
            "slowest_tenth_seconds": round(self.seconds[min(count - 1, count * 9 // 10)], 1),
            "jobs": count,
        }


class GenerationTimes:
    """What was learned. A fault of the table is logged, and nothing is known then: no generation waits for it."""

    def __init__(self, dynamodb: "DynamoDBClient", slots_table_name: str) -> None:
        self._dynamodb = dynamodb
        self._name = slots_table_name

    def of(self, request: Mapping[str, Any]) -> Times:
        """What is known of requests with the same model and parameters; of the model, if that is too little."""
        items, kind = self._of_model(request), _kind(request)
        same = Times.of(second for item in items if item[SK] == kind for second in _seconds(item))
        return same or Times.of(second for item in items for second in _seconds(item))

    def of_models(self) -> dict[str, Times]:
        """Return the times of each model, whatever the parameters."""
        found: dict[str, list[float]] = {}
        for item in self._items(f"{PK} = :pk", {}, MOST_ITEMS):
            found.setdefault(str(item[SK]).split(" ", 1)[0], []).extend(_seconds(item))
        return {model: Times.of(seconds) for model, seconds in found.items()}

    def costs_of(self, request: Mapping[str, Any]) -> list[int]:
        """The credits that the latest requests with the same model and parameters cost, the least first; of the model,
        if those are too few; none, if these are."""
        items, kind = self._of_model(request), _kind(request)
        same = sorted(credits_ for item in items if item[SK] == kind for credits_ in _values(item, COST))
        found = same if len(same) >= FEW else sorted(credits_ for item in items for credits_ in _values(item, COST))
        return found if len(found) >= FEW else []

    def note(self, generation: Generation, seconds: float | None, credits_used: int | None) -> None:
        """The generation took so long, and cost so much, as far as that is known."""
        position = zlib.crc32(generation.generation_id.encode()) % POSITIONS
        known = {TIME: None if seconds is None else round(seconds * 1000), COST: credits_used}
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
        """What is known of the model's requests, whatever their parameters."""
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
            logger.warning("what was learned of generation times was not read: %s", error)
            return []
        return [read(item) for item in answer["Items"]]


def _model(request: Mapping[str, Any]) -> str:
    return "".join(str(request.get("model", ""))[:200].split())  # a space ends it


def _kind(request: Mapping[str, Any]) -> str:
    """The model and those parameters that were given, as the item's sort key."""
    given = {name: str(request[name]).lower() for name in PARAMETERS if name in request}
    return " ".join([_model(request), *(f"{name}={value[:MOST_PARAMETERS]}" for name, value in given.items())]) + " "


def _seconds(item: Item) -> Iterable[float]:
    return (milliseconds / 1000 for milliseconds in _values(item, TIME))


def _values(item: Item, kind: str) -> Iterable[int]:
    return (value for name, value in item.items() if name.startswith(kind) and name[len(kind) :].isdecimal())
