"""The ledger: one item a generation, and the rule that it is submitted at most once.

Before the create call its claim is written on a condition, so only one entry into Submit can hold it:

    nothing ──begin──▶ sending ──submitted──▶ submitted (provider's id)
       ▲                  │
       └────refused───────┘      an entry that dies in between leaves `sending`: SubmissionUnknown for all later ones
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import Deleted, GenerationEnded, LedgerUnavailable, NotFound
from core.generation import ArchivedVideo, Clock, Failure, Generation, Source, Status, Submission, iso
from core.records.table import BY_BATCH, BY_OWNER, EXPIRES_AT, KEY, ConditionFailed, Item, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_LIMIT = 100
CURSOR = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z_[0-9a-f]{32}$"
PAGE_ITEMS, MAX_PAGES = 100, 20  # of one answer of `list`: a record has 2 KiB, a page of DynamoDB's 1 MiB
TOMBSTONE_FOR = timedelta(days=365)
TOMBSTONE = ("deleted_at", "forgotten_at")  # 0.1.0 wrote the second

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


class Ledger:
    """Reads and changes generations; every change is one conditional write, and its time comes from `now`."""

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str, now: Clock) -> None:
        self._table = Table(dynamodb, table_name)
        self.now = now

    def add(self, generation: Generation) -> tuple[Generation, bool]:
        """The recorded generation and whether it is new: one that was there before stays as it is."""
        item = _written(asdict(generation))
        if not generation.status.ended:  # until its workflow waits for a place: see core.records.capacity
            item |= {"queue": "arriving", "queue_key": iso(generation.created_at)}
        try:
            self._table.put(item, only_if_new=True)
        except ConditionFailed:
            return self.get(generation.generation_id), False
        return generation, True

    def add_failed(self, generation: Generation, failure: Failure) -> Generation:
        """Record a request that failed before it began, unless it is there already; the record."""
        ended = replace(generation, status=Status.ERROR, error=failure, ended_at=self.now())
        return self.add(ended)[0]

    def batch(self, batch_id: str) -> Iterator[Generation]:
        """The generations of a batch, in the order of its rows; one that was written just now may be missing."""
        return map(_read, self._table.query(BY_BATCH, batch_id))

    def get(self, generation_id: str) -> Generation:
        """The generation as it is now; `NotFound` where there is none, `Deleted` where there was one."""
        item = self._table.get(generation_id)
        if item is None:
            raise NotFound(f"There is no generation {generation_id}.")
        if any(name in item for name in TOMBSTONE):
            raise Deleted(f"There is no generation {generation_id}.", owner=item["owner"])
        return _read(item)

    def list(
        self, owner: str, status: Collection[Status], limit: int, cursor: str | None
    ) -> tuple[list[Generation], str | None]:
        """Up to `limit` generations of an owner, newest first, and the cursor to go on with, None at the end.

        `status` empty means any. A cursor is a point in time (`<created_at>_<id>`), so new arrivals do not shift it. A
        page may hold fewer than `limit`, even none, before the end: it looks at a bounded number of records.
        """
        found: list[Generation] = []
        start = _start_key(owner, cursor)
        for _ in range(MAX_PAGES):
            items, has_more = self._table.query_back(BY_OWNER, owner, start, PAGE_ITEMS)
            for item in items:
                generation = _read(item)
                if not status or generation.status in status:
                    found.append(generation)
                start = {name: item[name] for name in ("owner", "created_at", KEY)}
                if len(found) == limit:
                    return found, _cursor(start)
            if not has_more:
                return found, None
        return found, _cursor(start) if start else None

    def begin_submission(self, generation_id: str) -> str | None:
        """Claim the one create call: the name of the attempt, or None where somebody else has or had it."""
        attempt = uuid4().hex
        try:
            self._change(
                generation_id,
                {"submission": Submission.SENDING, "sending_since": self.now(), "attempt": attempt},
                only_if="attribute_not_exists(#submission) AND #status = :queued",
                values={":queued": Status.QUEUED},
            )
        except ConditionFailed as refused:
            # The SDK repeats a write whose answer was lost; the repetition then meets the claim of this very call.
            return attempt if refused.item.get("attempt") == attempt else None
        return attempt

    def clear_submission(self, generation_id: str, attempt: str) -> None:
        """The provider refused for certain, or was never reached: another entry may send again."""
        self._change(
            generation_id,
            {},
            remove=("submission", "sending_since", "attempt"),
            only_if="#attempt = :attempt",
            values={":attempt": attempt},
        )

    def submitted(self, generation_id: str, attempt: str, provider_id: str) -> None:
        """The provider accepted. Its id is written even if the generation ended meanwhile, since it is paid for.

        Raises `GenerationEnded` if it did, and `LedgerUnavailable` if the id could not be written.
        """
        known = {"submission": Submission.SUBMITTED, "provider_id": provider_id, "submitted_at": self.now()}
        try:
            try:
                self._change(
                    generation_id,
                    {**known, "status": Status.GENERATING},
                    only_if="#attempt = :attempt AND #status = :queued",
                    values={":attempt": attempt, ":queued": Status.QUEUED},
                )
            except ConditionFailed:
                self._change(generation_id, known, only_if="#attempt = :attempt", values={":attempt": attempt})
                raise GenerationEnded(f"Generation {generation_id} ended while it was being submitted.") from None
        except (BotoCoreError, ClientError, ConditionFailed) as error:
            raise LedgerUnavailable(f"The provider accepted as {provider_id}, which could not be recorded.") from error

    def provider_finished(self, generation_id: str, video: dict[str, Any], credits_used: int | None) -> None:
        """The provider is done; what it said of the video is kept until the video is archived."""
        self._advance(
            generation_id,
            {"provider_video": video, "credits_used": credits_used, "generated_at": self.now()},
            before=(Status.GENERATING, Status.ARCHIVING),
            after=Status.ARCHIVING,
        )

    def complete(self, generation_id: str, video: ArchivedVideo) -> None:
        """The video is in S3, verified: the generation has ended well."""
        self._advance(
            generation_id,
            {"video": video.as_dict(), "ended_at": self.now()},
            before=(Status.ARCHIVING,),
            after=Status.COMPLETED,
        )

    def fail(self, generation_id: str, failure: Failure) -> bool:
        """The generation has ended badly; False if it had ended already, since it keeps its first end."""
        try:
            self._advance(
                generation_id,
                {"error": asdict(failure), "ended_at": self.now()},
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
        known = {"submission": Submission.SUBMITTED, "provider_id": provider_id, "submitted_at": now}
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
        except ConditionFailed:
            return False
        return True

    def delete(self, generation: Generation) -> None:
        """Replace an ended generation's record by a tombstone: its id is not used again for a year."""
        now = self.now()
        self._table.put(
            {
                KEY: generation.generation_id,
                "owner": generation.owner,
                "deleted_at": iso(now),
                EXPIRES_AT: int((now + TOMBSTONE_FOR).timestamp()),
            }
        )

    def announced(self, generation_id: str) -> None:
        """The end was published."""
        self._change(generation_id, {"announced_at": self.now()})

    def _advance(
        self, generation_id: str, changes: dict[str, Any], *, before: tuple[Status, ...], after: Status
    ) -> None:
        values = {f":before{i}": status for i, status in enumerate(before)}
        try:
            self._change(
                generation_id,
                {**changes, "status": after},
                only_if=f"#status IN ({', '.join(values)})",
                values=values,
            )
        except ConditionFailed:
            raise GenerationEnded(f"Generation {generation_id} is not {' or '.join(before)} any more.") from None

    def _change(self, generation_id: str, changes: dict[str, Any], **condition: Any) -> None:
        self._table.update(generation_id, _written({**changes, "updated_at": self.now()}), **condition)


def _cursor(key: Item) -> str:
    return f"{key['created_at']}_{key[KEY]}"


def _start_key(owner: str, cursor: str | None) -> Item | None:
    """Where a cursor points in the index; the owner is the caller's, whatever the cursor says."""
    if cursor is None:
        return None
    created_at, _, generation_id = cursor.partition("_")
    return {"owner": owner, "created_at": created_at, KEY: generation_id}


def _written(fields: dict[str, Any]) -> Item:
    """Fields of a generation → as the table holds them."""
    item = {name: value for name, value in fields.items() if value is not None}
    for name in _TIMES & item.keys():
        item[name] = iso(item[name])
    for name in _JSON & item.keys():
        item[name] = json.dumps(item[name], ensure_ascii=False)
    return item


def _read(item: Item) -> Generation:
    fields = {name: value for name, value in item.items() if name in Generation.__annotations__}
    for name in _TIMES & fields.keys():
        fields[name] = datetime.fromisoformat(fields[name])
    for name in _JSON & fields.keys():
        fields[name] = json.loads(fields[name])
    fields["status"] = Status(fields["status"])
    if "submission" in fields:
        fields["submission"] = Submission(fields["submission"])
    for name, form in (("source", Source), ("error", Failure), ("video", ArchivedVideo)):
        if name in fields:
            fields[name] = form(**fields[name])
    return Generation(**fields)
