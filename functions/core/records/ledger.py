"""The ledger: one item a generation, and the rule that it is submitted at most once.

Before the create call its claim is written on a condition, so only one entry into Submit can hold it:

    nothing ──begin──▶ sending ──submitted──▶ submitted (provider's id)
       ▲                  │
       └────refused───────┘      an entry that dies in between leaves `sending`: SubmissionUnknown for all later ones
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import BudgetExceeded, Conflict, Deleted, GenerationEnded, LedgerUnavailable, NotFound
from core.generation import (
    ArchivedVideo,
    Clock,
    Cost,
    Failure,
    Generation,
    Given,
    Source,
    Status,
    Submission,
    Tombstone,
    Webhook,
    iso,
)
from core.records.table import (
    AT_ONCE,
    BY_BATCH,
    BY_DONE,
    BY_ID,
    BY_OWNER,
    BY_WATCH,
    EXPIRES_AT,
    KEY,
    MOST_AT_ONCE,
    ConditionFailed,
    Item,
    Table,
    Updates,
)
from core.records.wanted import Wanted
from core.workflow import Run

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_LIMIT = 100
MAX_PAGE_BYTES = 3 << 20  # of requests in one answer: Lambda's has 6 MiB, and a request 192 KiB
CURSOR = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z_[0-9a-f]{32}$"
MOST_MEANT = 20  # generations that are looked at for the beginning of an id
PAGE_ITEMS, MAX_PAGES = 100, 20  # of one answer of `list`: a record has 2 KiB, a page of DynamoDB's 1 MiB
TOMBSTONE_FOR = timedelta(days=365)
TOMBSTONE = "deleted_at"  # no generation has it
SUBMISSION = ("submission", "attempt", "sending_since", "provider_id", "submitted_at")
CHARGED = ("provider_id", "sending_since", "generated_at", "credits_used", BY_DONE.partition)

WATCH = (BY_WATCH.partition, str(BY_WATCH.sort))
WATCHED = "yes"
SOON = timedelta(minutes=1)  # what is not under way by then was left by somebody who died
LONGEST_FUNCTION = timedelta(minutes=16)  # after which nothing that was entered before still runs

_TIMES = {
    "created_at",
    "updated_at",
    "sending_since",
    "submitted_at",
    "generated_at",
    "ended_at",
    "announced_at",
    "reopened_at",
    "admitted_at",
}
_JSON = {"request", "provider_video", "upload"}  # kept as text: they may hold numbers of any kind


def nothing() -> Sequence[Any]:
    """What goes with a write of which nothing is to be counted."""
    return ()


class Ledger:
    """Reads and changes generations; every change is one conditional write, and its time comes from `now`.

    What is not ended, or ended and not announced, or deleted a short while ago, is watched: `sweep` looks at it.
    """

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str, now: Clock) -> None:
        self.table = Table(dynamodb, table_name)
        self.now = now

    def add(self, generation: Generation, holding: Updates | None = None) -> tuple[Generation, bool]:
        """The recorded generation and whether it is new: one that was there before stays as it is.

        With a new one goes what is `holding` money for it, all or nothing; `BudgetExceeded` if there is too little.
        """
        item = {**_written(asdict(generation)), **self._watched(SOON)}
        try:
            if holding:
                self.table.put_with(item, f"attribute_not_exists({KEY})", holding)
            else:
                self.table.put(item, f"attribute_not_exists({KEY})")
        except ConditionFailed:
            return self.get(generation.generation_id), False
        except BudgetExceeded:
            if self.is_known(generation.generation_id):  # a repetition, which costs nothing
                return self.get(generation.generation_id), False
            raise
        return generation, True

    def is_known(self, generation_id: str) -> bool:
        """Whether there is such a generation; raises `Deleted` if there was."""
        try:
            self.get(generation_id)
        except Deleted:
            raise
        except NotFound:
            return False
        return True

    def add_failed(self, generation: Generation, failure: Failure) -> Generation:
        """Record a request that failed before it began, unless it is there already; the record."""
        ended = replace(generation, status=Status.ERROR, error=failure, ended_at=self.now())
        return self.add(ended)[0]

    def batch_rows(self, batch_id: str, revision: int, *, after: int = 0) -> Iterator[tuple[int, str]]:
        """The rows of a batch's revision after one, in order, each with its generation's id; what was written just now
        may be missing. What another took the place of is left out."""
        for item in self.table.query(BY_BATCH, batch_id, after=after):
            if item["revision"] == revision and "retried_as" not in item:
                yield item["row_number"], item[KEY]

    def batch(self, batch_id: str, revision: int, *, after: int = 0) -> Iterator[Generation]:
        """The generations of a batch's revision, in the order of its rows, after a row."""
        rows = self.batch_rows(batch_id, revision, after=after)
        while some := list(islice(rows, AT_ONCE)):
            found = self.find([generation_id for _, generation_id in some])
            yield from (one for _, generation_id in some if (one := found.get(generation_id)))

    def batch_counts(self, batch_id: str, revision: int) -> Counter[str]:
        """How many rows of a batch are in which status."""
        found = self.table.query(BY_BATCH, batch_id)
        return Counter(item["status"] for item in found if item["revision"] == revision and "retried_as" not in item)

    def running_in_batch(self, batch_id: str) -> Iterator[str]:
        """The generations of a batch that have not ended, whichever revision has them; it may lag behind."""
        for item in self.table.query(BY_BATCH, batch_id):
            if not Status(item["status"]).ended:
                yield item[KEY]

    def statuses(self, generation_ids: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Of these generations those that there are, each with its status, `deleted` for what is left of one."""
        ids = iter(generation_ids)
        while some := list(islice(ids, MOST_AT_ONCE)):
            for generation_id, item in self.table.find(some, ("status",)).items():
                yield generation_id, item.get("status", "deleted")

    def found_in(
        self, generation: Generation, revision: int, row: int, name: str | None, tags: list[str], webhook: Item | None
    ) -> None:
        """The generation is in a later revision of its batch, as this row."""
        with suppress(ConditionFailed):
            self.table.update(
                generation.generation_id,
                {"revision": revision, "row_number": row, "name": name, "tags": tags or None, "webhook": webhook},
                only_if="#revision < :revision",
            )

    def retried_as(self, generation: Generation, other_id: str) -> None:
        """Another generation takes its place in the batch; of no effect if it goes on by itself."""
        with suppress(ConditionFailed):
            self._change(
                generation.run,
                {"retried_as": other_id},
                only_if="#status = :error",
                values={":error": Status.ERROR},
            )

    def find(self, ids: Sequence[str]) -> dict[str, Generation | None]:
        """The generations as they are now, by their ids; None is one that was deleted."""
        items = self.table.find(ids)
        return {key: None if TOMBSTONE in item else _read(item) for key, item in items.items()}

    def get(self, generation_id: str) -> Generation:
        """The generation as it is now; `NotFound` where there is none, `Deleted` where there was one."""
        item = self.table.get(generation_id)
        if item is None:
            raise NotFound(f"There is no generation {generation_id}.")
        if TOMBSTONE in item:
            raise Deleted(f"There is no generation {generation_id}.", owner=item["owner"])
        return _read(item)

    def get_for(self, run: Run) -> Generation:
        """The generation, for a step of this run; `GenerationEnded` if there is nothing left for the run to do."""
        try:
            generation = self.get(run.generation_id)
        except NotFound:
            raise GenerationEnded(f"Generation {run.generation_id} was deleted.") from None
        if generation.status is Status.ERROR:
            raise GenerationEnded(f"Generation {run.generation_id} has ended: {generation.error}")
        if run != generation.run:
            raise GenerationEnded(f"Generation {run.generation_id} goes on in a later run.")
        return generation

    def submission(self, generation_id: str) -> Generation | Tombstone | None:
        """What is known of a generation's submission, although it may have been deleted."""
        item = self.table.get(generation_id)
        if item is None:
            return None
        return _read_tombstone(item) if TOMBSTONE in item else _read(item)

    def watched(self) -> Iterator[str]:
        """The ids of what is due to be looked at, the longest due first; it may lag behind."""
        for item in self.table.query(BY_WATCH, WATCHED, up_to=iso(self.now())):
            yield item[KEY]

    def watch_again(self, generation_id: str, after: timedelta) -> None:
        """Look at it again after so long, if it is still watched."""
        with suppress(ConditionFailed):
            self.table.update(generation_id, self._watched(after), only_if="attribute_exists(#watch)")

    def unwatch(self, generation_id: str) -> None:
        """Nothing is left to be looked at."""
        self.table.update(generation_id, {}, remove=tuple(WATCH))

    def meant(self, owner: str, beginning: str) -> Iterator[Generation]:
        """The owner's generations whose ids begin so, some of them if there are many."""
        for item in self.table.beginning_with(BY_ID, owner, beginning, MOST_MEANT):
            with suppress(NotFound):  # deleted
                yield self.get(item[KEY])

    def list(self, owner: str, wanted: Wanted, limit: int, cursor: str | None) -> tuple[list[Generation], str | None]:
        """Up to `limit` generations of an owner, newest first, and the cursor to go on with, None at the end.

        A cursor is a point in time (`<created_at>_<id>`), so new arrivals do not shift it. A page may hold fewer than
        `limit`, even none, before the end: it looks at a bounded number of records.
        """
        found: list[Generation] = []
        size = 0
        first, last = wanted.created
        start = _start_key(owner, cursor)
        if start and start["created_at"] > last:  # a cursor of another list
            start = None
        if first > last or (start and start["created_at"] < first):
            return [], None
        for _ in range(MAX_PAGES):
            keys, has_more = self.table.query_back(BY_OWNER, owner, (first, last), start, PAGE_ITEMS)
            for key, generation in self._each(keys):
                if generation and wanted.includes(generation):
                    found.append(generation)
                    size += len(json.dumps(generation.request, ensure_ascii=False).encode())
                start = key
                if len(found) == limit or size > MAX_PAGE_BYTES:
                    return found, _cursor(start)
            if not has_more:
                return found, None
        return found, _cursor(start) if start else None

    def _each(self, keys: Sequence[Item]) -> Iterator[tuple[Item, Generation | None]]:
        """Each key of an index with its generation, read a few at a time."""
        for first in range(0, len(keys), AT_ONCE):
            some = keys[first : first + AT_ONCE]
            generations = self.find([key[KEY] for key in some])
            yield from ((key, generations.get(key[KEY])) for key in some)

    def not_accepted(self, generation: Generation) -> None:
        """The provider is known not to have accepted what was sent: it may be sent again."""
        self._change(
            generation.run,
            {},
            remove=("submission", "sending_since", "attempt"),
            only_if="#submission = :sending AND #sending_since = :since",
            values={":sending": Submission.SENDING, ":since": iso(generation.sending_since or self.now())},
        )

    def wait_with(self, run: Run, task_token: str) -> None:
        """Note what the run's workflow waits with for its place; of no effect if it waits for none any more."""
        with suppress(ConditionFailed):
            self._change(
                run, {"task_token": task_token}, only_if="#status = :queued", values={":queued": Status.QUEUED}
            )

    def task_token(self, generation_id: str) -> str | None:
        """What the generation's workflow waited with last."""
        return (self.table.get(generation_id) or {}).get("task_token")

    def begin_submission(self, run: Run) -> str | None:
        """Claim the one create call: the name of the attempt, or None where somebody else has or had it."""
        attempt = uuid4().hex
        try:
            self._change(
                run,
                {"submission": Submission.SENDING, "sending_since": self.now(), "attempt": attempt},
                remove=("task_token",),  # which was answered, and makes every write after this one dearer
                only_if="attribute_not_exists(#submission) AND #status = :queued",
                values={":queued": Status.QUEUED},
            )
        except ConditionFailed:
            return None
        return attempt

    def clear_submission(self, run: Run, attempt: str) -> None:
        """The provider refused for certain, or was never reached: another entry may send again."""
        self._change(
            run,
            {},
            remove=("submission", "sending_since", "attempt"),
            only_if="#attempt = :attempt",
            values={":attempt": attempt},
        )

    def submitted(self, run: Run, attempt: str, provider_id: str) -> None:
        """The provider accepted. Its id is written even if the generation ended, or was deleted, since it is paid for.

        Raises `GenerationEnded` if it did, and `LedgerUnavailable` if the id could not be written.
        """
        known = {"submission": Submission.SUBMITTED, "provider_id": provider_id, "submitted_at": self.now()}
        try:
            try:
                self._change(
                    run,
                    {**known, "status": Status.GENERATING},
                    only_if="#attempt = :attempt AND #status = :queued",
                    values={":attempt": attempt, ":queued": Status.QUEUED},
                )
            except ConditionFailed:
                # Whichever run is the latest now, and even a tombstone: the attempt is this call's only.
                late = _written({**known, "updated_at": self.now()})
                self.table.update(run.generation_id, late, only_if="#attempt = :attempt", values={":attempt": attempt})
                raise GenerationEnded(f"Generation {run.generation_id} ended while it was being submitted.") from None
        except (BotoCoreError, ClientError, ConditionFailed) as error:
            raise LedgerUnavailable(f"The provider accepted as {provider_id}, which could not be recorded.") from error

    def found(self, run: Run, provider_id: str) -> None:
        """A submission whose answer was lost was found at the provider; `GenerationEnded` if it ended meanwhile."""
        generation = self.get_for(run)
        self._advance(
            run,
            {
                "submission": Submission.SUBMITTED,
                "provider_id": provider_id,
                "submitted_at": generation.sending_since or self.now(),
            },
            before=(Status.QUEUED,),
            after=Status.GENERATING,
        )

    def await_end(self, generation_id: str) -> bool:
        """Let who ends the generation look for those that wait for that; False if it has ended, or is not there."""
        going_on = (Status.QUEUED, Status.GENERATING, Status.ARCHIVING)
        values = {f":status{number}": status for number, status in enumerate(going_on)}
        try:
            self.table.update(
                generation_id, {"is_awaited": True}, only_if=f"#status IN ({', '.join(values)})", values=values
            )
        except ConditionFailed:
            return False
        return True

    def provider_finished(self, run: Run, video: dict[str, Any], credits_used: int | None) -> None:
        """The provider is done; what it said of the video is kept until the video is archived."""
        now = self.now()
        done_on = {BY_DONE.partition: now.astimezone(UTC).date().isoformat()}
        self._advance(
            run,
            {"provider_video": video, "credits_used": credits_used, "generated_at": now, **done_on},
            before=(Status.GENERATING, Status.ARCHIVING),
            after=Status.ARCHIVING,
        )

    def keep_upload(self, run: Run, upload: dict[str, Any]) -> None:
        """Part of the video is archived: what the next entry needs to go on."""
        self._advance(run, {"upload": upload}, before=(Status.ARCHIVING,), after=Status.ARCHIVING)

    def complete(self, run: Run, video: ArchivedVideo, ended_at: datetime) -> None:
        """The video is in S3, verified: the generation has ended well."""
        self._advance(
            run,
            {"video": video.as_dict(), "ended_at": ended_at},
            remove=("upload",),
            before=(Status.ARCHIVING,),
            after=Status.COMPLETED,
        )

    def fail(self, run: Run, failure: Failure, *, unless_sent: bool = False) -> bool:
        """The generation has ended badly; False if it had ended already, since it keeps its first end, if a later run
        has it, or, with `unless_sent`, if the provider may have it."""
        try:
            self._advance(
                run,
                {"error": asdict(failure), "ended_at": self.now()},
                before=(Status.QUEUED, Status.GENERATING, Status.ARCHIVING),
                after=Status.ERROR,
                only_if="attribute_not_exists(#submission)" if unless_sent else None,
            )
        except GenerationEnded:
            return False
        return True

    def reopen(
        self,
        generation: Generation,
        provider_id: str | None,
        *,
        send_again: bool = False,
        cost: Cost | None = None,
        holding: Updates | None = None,
    ) -> bool:
        """A failed generation goes on: checked if the provider has it, else submitted. Its end is announced anew.

        `send_again` clears the claim, since the provider is known not to have accepted. With a `cost` goes what is
        `holding` money for it; `BudgetExceeded`. False if another rescue was faster.
        """
        now = self.now()
        known = {"submission": Submission.SUBMITTED, "provider_id": provider_id, "submitted_at": now}
        cleared = ("submission", "sending_since", "attempt") if send_again else ()
        try:
            self._change(
                generation.run,
                {
                    "status": Status.GENERATING if provider_id else Status.QUEUED,
                    "reopened_at": now,
                    "rescues": generation.rescues + 1,
                    **(known if provider_id else {}),
                    **({"cost": asdict(cost)} if cost else {}),
                    **self._watched(SOON),
                },
                others=holding,
                remove=("error", "ended_at", "announced_at", *(() if provider_id else ("place",)), *cleared),
                only_if="#status = :error",
                values={":error": Status.ERROR},
            )
        except ConditionFailed:
            return False
        return True

    def delete(self, generation: Generation) -> None:
        """Replace an ended generation's record by a tombstone: its id is not used again for a year.

        What is known of its submission stays, if the provider may still work on it, and what it cost, if it did: the
        charge for it may still come. Raises `Conflict` if the generation has changed since it was read.
        """
        now = self.now()
        item = self.table.get(generation.generation_id) or {}
        stays = SUBMISSION if generation.at_provider else CHARGED
        kept = {name: item[name] for name in (KEY, "owner", *stays) if name in item}
        try:
            self.table.put(
                {
                    **kept,
                    TOMBSTONE: iso(now),
                    EXPIRES_AT: int((now + TOMBSTONE_FOR).timestamp()),
                    **self._watched(LONGEST_FUNCTION),
                },
                # As it was read just now: a Submit that still runs may be about to write the provider's id.
                only_if="#last_write = :seen AND #rescues = :run AND attribute_exists(#announced_at)",
                values={":seen": item.get("last_write", ""), ":run": generation.rescues},
            )
        except ConditionFailed:
            raise Conflict(f"Generation {generation.generation_id} has changed just now: look again.") from None

    def announced(self, generation: Generation, cost: Cost | None = None, counting: Updates = nothing) -> None:
        """The end was published, and is counted with what it cost, all or nothing, once; of no effect if the generation
        goes on in a later run."""
        with suppress(ConditionFailed):
            self.table.update_with(
                generation.generation_id,
                _written({"announced_at": self.now(), "updated_at": self.now(), "cost": cost and asdict(cost)}),
                counting,
                remove=tuple(WATCH),
                only_if="#status IN (:completed, :error) AND #rescues = :run AND attribute_not_exists(#announced_at)",
                values={":completed": Status.COMPLETED, ":error": Status.ERROR, ":run": generation.rescues},
            )

    def _advance(
        self,
        run: Run,
        changes: dict[str, Any],
        *,
        before: tuple[Status, ...],
        after: Status,
        remove: tuple[str, ...] = (),
        only_if: str | None = None,
    ) -> None:
        values = {f":before{i}": status for i, status in enumerate(before)}
        only_if = " AND ".join(filter(None, (f"#status IN ({', '.join(values)})", only_if)))
        try:
            self._change(run, {**changes, "status": after}, remove=remove, only_if=only_if, values=values)
        except ConditionFailed:
            raise GenerationEnded(f"Generation {run.generation_id} is not {' or '.join(before)} any more.") from None

    def _change(
        self,
        run: Run,
        changes: dict[str, Any],
        *,
        only_if: str,
        values: Item,
        remove: tuple[str, ...] = (),
        others: Updates | None = None,
    ) -> None:
        only_if, values = f"({only_if}) AND #rescues = :run", {**values, ":run": run.rescues}
        changes = _written({**changes, "updated_at": self.now()})
        if others:
            self.table.update_with(run.generation_id, changes, others, remove=remove, only_if=only_if, values=values)
        else:
            self.table.update(run.generation_id, changes, remove=remove, only_if=only_if, values=values)

    def _watched(self, after: timedelta) -> Item:
        return dict(zip(WATCH, (WATCHED, iso(self.now() + after)), strict=True))


def _cursor(key: Item) -> str:
    return f"{key['created_at']}_{key[KEY]}"


def _start_key(owner: str, cursor: str | None) -> Item | None:
    """Where a cursor points in the index; the owner is the caller's, whatever the cursor says."""
    if cursor is None:
        return None
    created_at, _, generation_id = cursor.partition("_")
    return {"owner": owner, "created_at": created_at, KEY: generation_id}


def _read_tombstone(item: Item) -> Tombstone:
    times = {name: datetime.fromisoformat(item[name]) for name in ("sending_since", "submitted_at") if name in item}
    return Tombstone(
        generation_id=item[KEY],
        submission=Submission(item["submission"]) if "submission" in item else None,
        provider_id=item.get("provider_id"),
        **times,
    )


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
    for name, form in (("source", Source), ("error", Failure), ("video", ArchivedVideo), ("webhook", Webhook)):
        if name in fields:
            fields[name] = form(**fields[name])
    if "cost" in fields:
        fields["cost"] = Cost(**fields["cost"])
    if "given" in fields:
        fields["given"] = [Given(**one) for one in fields["given"]]
    return Generation(**fields)
