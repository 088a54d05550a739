"""The ledger: one DynamoDB item a generation, and the rule that it is submitted at most once.

The mark before the create call is a conditional write, so only one entry into Submit can hold it:

    nothing ──begin──▶ sending ──accepted──▶ accepted (provider's id)
       ▲                  │
       └────refused───────┘      an entry that dies in between leaves `sending`: SubmissionUnknown for all later ones
"""

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from core.errors import Forgotten, GenerationEnded, NotFound
from core.generation import Generation, Source, Status, Submission

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Clock = Callable[[], datetime]

OWNER_INDEX, BATCH_INDEX = "by_owner", "by_batch"
MAX_LIMIT = 100
CURSOR = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z_[0-9a-f]{32}$"
PAGE_ITEMS, MAX_PAGES = 100, 20  # of one answer of `list`: a record has 2 KiB, a page of DynamoDB's 1 MiB
FORGOTTEN_FOR = timedelta(days=365)

_TIMES = {
    "created_at",
    "updated_at",
    "sending_since",
    "submitted_at",
    "generated_at",
    "ended_at",
    "announced_at",
    "reopened_at",
    "place",
}
_JSON = {"request", "provider_video"}  # kept as text: they may hold numbers of any kind
_serialize, _deserialize = TypeSerializer().serialize, TypeDeserializer().deserialize


class Ledger:
    """Reads and changes generations; every change is one conditional write, and its time comes from `now`."""

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str, now: Clock) -> None:
        self._dynamodb = dynamodb
        self._table = table_name
        self.now = now

    def add(self, generation: Generation) -> tuple[Generation, bool]:
        """The recorded generation and whether it is new: one that was there before stays as it is."""
        item = {name: _write(name, value) for name, value in asdict(generation).items() if value is not None}
        if not generation.status.ended:  # until its workflow waits for a place: see core.capacity
            item |= {"queue": {"S": "accepted"}, "queue_key": {"S": iso(generation.created_at)}}
        try:
            self._dynamodb.put_item(
                TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(generation_id)"
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return self.get(generation.generation_id), False
        return generation, True

    def add_failed(self, generation: Generation, name: str, message: str) -> Generation:
        """Record a request that failed before it began, unless it is there already; the record."""
        error = {"name": name, "message": message}
        ended = replace(generation, status=Status.ERROR, error=error, ended_at=self.now())
        return self.add(ended)[0]

    def batch(self, batch_id: str) -> Iterator[Generation]:
        """The generations of a batch, in the order of its rows; one that was written just now may be missing."""
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=BATCH_INDEX,
            KeyConditionExpression="batch_id = :batch",
            ExpressionAttributeValues={":batch": {"S": batch_id}},
        )
        for page in pages:
            for item in page["Items"]:
                yield _read(item)

    def get(self, generation_id: str) -> Generation:
        """The generation as it is now; `NotFound` where there is none."""
        answer = self._dynamodb.get_item(
            TableName=self._table, Key={"generation_id": {"S": generation_id}}, ConsistentRead=True
        )
        item = answer.get("Item")
        if item is None:
            raise NotFound(f"There is no generation {generation_id}.")
        if "forgotten_at" in item:
            raise Forgotten(f"There is no generation {generation_id}.", owner=item["owner"]["S"])
        return _read(item)

    def list(
        self, owner: str, status: Collection[Status], limit: int, cursor: str | None
    ) -> tuple[list[Generation], str | None]:
        """Up to `limit` generations of an owner, newest first, and the cursor to go on with, None at the end.

        `status` empty means any. A cursor is a place in time (`<created_at>_<id>`), so new arrivals do not shift it. A
        page may hold fewer than `limit`, even none, before the end: it looks at a bounded number of records.
        """
        found: list[Generation] = []
        start = _start_key(owner, cursor)
        for _ in range(MAX_PAGES):
            answer = self._dynamodb.query(
                TableName=self._table,
                IndexName=OWNER_INDEX,
                KeyConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": owner}},
                ScanIndexForward=False,
                Limit=PAGE_ITEMS,
                **cast("Any", {"ExclusiveStartKey": start} if start else {}),
            )
            for item in answer["Items"]:
                generation = _read(item)
                if not status or generation.status in status:
                    found.append(generation)
                start = {name: item[name] for name in ("owner", "created_at", "generation_id")}
                if len(found) == limit:
                    return found, _cursor(start)
            if "LastEvaluatedKey" not in answer:
                return found, None
        return found, _cursor(start) if start else None

    def begin_submission(self, generation_id: str) -> str | None:
        """Take the mark that allows one create call: its attempt's name, or None where somebody else has or had it."""
        attempt = uuid4().hex
        try:
            self._change(
                generation_id,
                {"submission": Submission.SENDING, "sending_since": self.now(), "attempt": attempt},
                only_if="attribute_not_exists(submission) AND #status = :queued",
                values={":queued": Status.QUEUED},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException as refused:
            # The SDK repeats a write whose answer was lost; the repetition then meets the mark that this very call set.
            held: Any = refused.response.get("Item", {})
            return attempt if held.get("attempt") == {"S": attempt} else None
        return attempt

    def clear_submission(self, generation_id: str, attempt: str) -> None:
        """The provider refused for certain, or was never reached: another entry may send again."""
        self._change(
            generation_id,
            {},
            remove=("submission", "sending_since", "attempt"),
            only_if="attempt = :attempt",
            values={":attempt": attempt},
        )

    def accept(self, generation_id: str, attempt: str, provider_id: str) -> None:
        """The provider accepted. Its id is written even if the generation ended meanwhile, since it is paid for."""
        accepted = {"submission": Submission.ACCEPTED, "provider_id": provider_id, "submitted_at": self.now()}
        try:
            self._change(
                generation_id,
                {**accepted, "status": Status.GENERATING},
                only_if="attempt = :attempt AND #status = :queued",
                values={":attempt": attempt, ":queued": Status.QUEUED},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            self._change(generation_id, accepted, only_if="attempt = :attempt", values={":attempt": attempt})
            raise GenerationEnded(f"Generation {generation_id} ended while it was being submitted.") from None

    def provider_finished(self, generation_id: str, video: dict[str, Any], credits_used: int | None) -> None:
        """The provider is done; what it said of the video is kept until the video is archived."""
        self._advance(
            generation_id,
            {"provider_video": video, "credits_used": credits_used, "generated_at": self.now()},
            before=(Status.GENERATING, Status.ARCHIVING),
            after=Status.ARCHIVING,
        )

    def complete(self, generation_id: str, video: dict[str, Any]) -> None:
        """The video is in S3, verified: the generation has ended well."""
        self._advance(
            generation_id,
            {"video": video, "ended_at": self.now()},
            before=(Status.ARCHIVING,),
            after=Status.COMPLETED,
        )

    def fail(self, generation_id: str, name: str, message: str) -> bool:
        """The generation has ended badly; False if it had ended already, since it keeps its first end."""
        try:
            self._advance(
                generation_id,
                {"error": {"name": name, "message": message}, "ended_at": self.now()},
                before=(Status.QUEUED, Status.GENERATING, Status.ARCHIVING),
                after=Status.ERROR,
            )
        except GenerationEnded:
            return False
        return True

    def reopen(self, generation: Generation, provider_id: str | None) -> bool:
        """A failed generation goes on: checked if the provider has it, else submitted. Its end is announced anew.

        False if another rescue was faster.
        """
        now = self.now()
        known = {"submission": Submission.ACCEPTED, "provider_id": provider_id, "submitted_at": now}
        try:
            self._change(
                generation.generation_id,
                {
                    "status": Status.GENERATING if provider_id else Status.QUEUED,
                    "reopened_at": now,
                    "rescues": generation.rescues + 1,
                    **(known if provider_id else {}),
                },
                remove=("error", "ended_at", "announced_at"),
                only_if="#status = :error AND #rescues = :before",
                values={":error": Status.ERROR, ":before": generation.rescues},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def forget(self, generation: Generation) -> None:
        """Replace an ended generation's record by the mark that its id was used; that goes after a year."""
        now = self.now()
        self._dynamodb.put_item(
            TableName=self._table,
            Item={
                "generation_id": {"S": generation.generation_id},
                "owner": {"S": generation.owner},
                "forgotten_at": {"S": iso(now)},
                "expires_at": {"N": str(int((now + FORGOTTEN_FOR).timestamp()))},
            },
        )

    def announced(self, generation_id: str) -> None:
        """The end was published."""
        self._change(generation_id, {"announced_at": self.now()})

    def _advance(
        self, generation_id: str, changes: dict[str, Any], *, before: tuple[Status, ...], after: Status
    ) -> None:
        names = {f":before{i}": status for i, status in enumerate(before)}
        try:
            self._change(
                generation_id,
                {**changes, "status": after},
                only_if=f"#status IN ({', '.join(names)})",
                values=names,
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            raise GenerationEnded(f"Generation {generation_id} is not {' or '.join(before)} any more.") from None

    def _change(
        self,
        generation_id: str,
        changes: dict[str, Any],
        *,
        remove: tuple[str, ...] = (),
        only_if: str = "attribute_exists(generation_id)",
        values: dict[str, Any] | None = None,
    ) -> None:
        changes = {**changes, "updated_at": self.now()}
        present = {name: value for name, value in changes.items() if value is not None}
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in present)
        if remove:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in remove)
        names = {f"#{name}": name for name in {*present, *remove, *re.findall(r"#(\w+)", only_if)}}
        self._dynamodb.update_item(
            TableName=self._table,
            Key={"generation_id": {"S": generation_id}},
            UpdateExpression=expression,
            ConditionExpression=only_if,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={
                **{f":{name}": _write(name, value) for name, value in present.items()},
                **{
                    name: _serialize(value if isinstance(value, int) else str(value))
                    for name, value in (values or {}).items()
                },
            },
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )


def _cursor(key: dict[str, Any]) -> str:
    return f"{key['created_at']['S']}_{key['generation_id']['S']}"


def _start_key(owner: str, cursor: str | None) -> dict[str, Any] | None:
    """Where a cursor points in the index; the owner is the caller's, whatever the cursor says."""
    if cursor is None:
        return None
    created_at, _, generation_id = cursor.partition("_")
    return {"owner": {"S": owner}, "created_at": {"S": created_at}, "generation_id": {"S": generation_id}}


def iso(time: datetime) -> str:
    """A time as all records and messages show it: UTC, milliseconds, `Z`."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _write(name: str, value: Any) -> Any:
    if name in _TIMES:
        value = iso(value)
    elif name in _JSON:
        value = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, str):
        value = str(value)  # the serializer knows no StrEnum
    return _serialize(value)


def _read(item: dict[str, Any]) -> Generation:
    fields = {name: _plain(_deserialize(value)) for name, value in item.items() if name in Generation.__annotations__}
    for name in _TIMES & fields.keys():
        fields[name] = datetime.fromisoformat(fields[name])
    for name in _JSON & fields.keys():
        fields[name] = json.loads(fields[name])
    fields["status"] = Status(fields["status"])
    fields["source"] = Source(**fields["source"])
    if "submission" in fields:
        fields["submission"] = Submission(fields["submission"])
    return Generation(**fields)


def _plain(value: Any) -> Any:
    """DynamoDB's numbers as int: the records hold no others."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return int(value) if isinstance(value, Decimal) else value
