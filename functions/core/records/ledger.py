"""The ledger: one item for each generation, and every change to it from acceptance to deletion.

The claim of the one create call is in claim.py, lists are in lists.py, and the form of an item is in items.py.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.errors import BudgetExceeded, Conflict, Deleted, GenerationEnded, NotFound
from core.generation import (
    ArchivedVideo,
    BatchRow,
    Clock,
    Failure,
    Generation,
    Label,
    Status,
    Submission,
    Tombstone,
    iso,
)
from core.links.record import Links
from core.records.items import TOMBSTONE, as_generation, as_item, as_tombstone, is_tombstone
from core.records.table import (
    BY_DONE,
    BY_WATCH,
    EXPIRES_AT,
    KEY,
    Condition,
    ConditionFailed,
    Item,
    Others,
    Table,
    Together,
)
from core.workflow import Run

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TOMBSTONE_FOR = timedelta(days=365)
SUBMISSION = ("submission", "attempt", "sending_since", "provider_id", "submitted_at")
CHARGED = ("provider_id", "sending_since", "generated_at", "credits_used", BY_DONE.partition)

WATCH = (BY_WATCH.partition, str(BY_WATCH.sort))
WATCHED = "yes"
SOON = timedelta(minutes=1)  # a generation that is not being processed by then was left by a crashed function
LONGEST_FUNCTION = timedelta(minutes=16)  # longer than any invocation runs

IS_NEW = Condition(f"attribute_not_exists({KEY})")
NOT_EDITED = "attribute_not_exists(#sent_tags)"
NO_RULE = "attribute_not_exists(#video_rule)"
NO_LINKS = Condition("attribute_not_exists(#links)")
HAS_FAILED = Condition("#status = :error", {":error": Status.ERROR})
MAY_CONTINUE = Condition(f"{HAS_FAILED.text} AND attribute_not_exists(#retried_as)", HAS_FAILED.values)


class Ledger:
    """Reads and changes generations. Every change is one conditional write with the time of `now`.

    A generation is watched until its end is announced, and again for a short time after its deletion. The sweep checks
    watched generations. A write that ends a generation schedules the next check soon, because
    the event of the end may be lost.
    """

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str, now: Clock) -> None:
        self.table = Table(dynamodb, table_name)
        self.now = now

    def add(self, generation: Generation, opening: Others | None = None) -> tuple[Generation, bool]:
        """Record a generation unless its id exists. Return the record and whether it is new.

        `opening` opens its hold in the same transaction. Raise `BudgetExceeded` if a budget has no room.
        """
        item = {**as_item(asdict(generation)), **self._watched(SOON)}
        try:
            if opening:
                self.table.put_with(item, IS_NEW, opening)
            else:
                self.table.put(item, IS_NEW)
        except ConditionFailed:
            return self.get(generation.generation_id), False
        except BudgetExceeded:
            if self.is_known(generation.generation_id):  # a repetition, which costs nothing
                return self.get(generation.generation_id), False
            raise
        return generation, True

    def is_known(self, generation_id: str) -> bool:
        """Return whether the generation exists. Raise `Deleted` if it was deleted."""
        try:
            self.get(generation_id)
        except Deleted:
            raise
        except NotFound:
            return False
        return True

    def add_failed(self, generation: Generation, failure: Failure) -> Generation:
        """Record a request that failed before it began, unless its id exists. Return the record."""
        ended = replace(generation, status=Status.ERROR, error=failure, ended_at=self.now())
        return self.add(ended)[0]

    def found_in(self, generation: Generation, row: BatchRow, label: Label) -> None:
        """Record that the generation is in a later revision of its batch, as this row, with exactly this label.

        The name and the tags stay if the owner has edited them.
        """
        place = {"revision": row.revision, "row_number": row.number}
        webhook = {"webhook": label.webhook and asdict(label.webhook)}
        named = {"name": label.name, "tags": list(label.tags) or None}
        is_later = "#revision < :revision"
        try:
            self._set(generation, {**place, **webhook, **named}, Condition(f"{is_later} AND {NOT_EDITED}"))
        except ConditionFailed:
            with suppress(ConditionFailed):
                self._set(generation, {**place, **webhook}, Condition(is_later))

    def relabel(self, generation: Generation, name: str | None, tags: list[str]) -> bool:
        """Change the name and the tags of a generation for its owner.

        Return False if they have changed since it was read, or if it was deleted. The first change keeps the tags of
        the request, by which its marker is found.
        """
        sent = generation.sent_tags
        seen = {"owner": generation.owner, "name": generation.name, "tags": generation.tags}
        unchanged = [
            f"#{one} = :seen_{one}" if seen[one] is not None else f"attribute_not_exists(#{one})" for one in seen
        ]
        only_if = Condition(
            " AND ".join([f"attribute_not_exists({TOMBSTONE})", *unchanged]),
            {f":seen_{one}": value for one, value in seen.items() if value is not None},
        )
        label = {"name": name, "tags": tags or None, "sent_tags": generation.tags or [] if sent is None else sent}
        try:
            self._set(generation, label, only_if)
        except ConditionFailed:
            return False
        return True

    def _set(self, generation: Generation, values: Item, only_if: Condition) -> None:
        """Set these attributes, and remove those that are None."""
        none = tuple(name for name, value in values.items() if value is None)
        self.table.update(generation.generation_id, values, only_if=only_if, remove=none)

    def retried_as(self, generation: Generation, other_id: str) -> bool:
        """Record that another generation replaces this one in the batch, unless it has been rescued."""
        try:
            self.change(generation.run, {"retried_as": other_id}, only_if=HAS_FAILED)
        except ConditionFailed:
            return False
        return True

    def find(self, ids: Sequence[str]) -> dict[str, Generation | None]:
        """Return the current generations by id, with None for a deleted one. Unknown ids are left out."""
        items = self.table.find(ids)
        return {key: None if is_tombstone(item) else as_generation(item) for key, item in items.items()}

    def get(self, generation_id: str) -> Generation:
        """Return the current generation. Raise `NotFound` if it does not exist, or `Deleted` if it was deleted."""
        item = self.table.get(generation_id)
        if item is None:
            raise NotFound(f"There is no generation {generation_id}.")
        if is_tombstone(item):
            raise Deleted(f"There is no generation {generation_id}.", owner=item["owner"])
        return as_generation(item)

    def get_for(self, run: Run) -> Generation:
        """Return the generation for a step of this run. Raise `GenerationEnded` if the run has nothing left to do."""
        try:
            generation = self.get(run.generation_id)
        except NotFound:
            raise GenerationEnded(f"Generation {run.generation_id} was deleted.") from None
        if generation.status is Status.ERROR:
            raise GenerationEnded(f"Generation {run.generation_id} has ended: {generation.error}")
        if run != generation.run:
            raise GenerationEnded(f"Generation {run.generation_id} continues in a later run.")
        return generation

    def submission(self, generation_id: str) -> Generation | Tombstone | None:
        """Return the generation, or its tombstone if it was deleted, or None."""
        item = self.table.get(generation_id)
        if item is None:
            return None
        return as_tombstone(item) if is_tombstone(item) else as_generation(item)

    def watched(self) -> Iterator[str]:
        """Return the ids of the generations that are due for a check, earliest first. The index may lag behind."""
        for item in self.table.query(BY_WATCH, WATCHED, up_to=iso(self.now())):
            yield item[KEY]

    def watch_again(self, generation_id: str, after: timedelta) -> None:
        """Schedule the next check of a generation, if it is still watched."""
        with suppress(ConditionFailed):
            self.table.update(generation_id, self._watched(after), only_if=Condition("attribute_exists(#watch)"))

    def unwatch(self, generation_id: str) -> None:
        """Stop watching a generation."""
        self.table.update(generation_id, {}, remove=tuple(WATCH))

    def wait_with(self, run: Run, task_token: str) -> None:
        """Record the task token of the workflow that waits for a slot, if the generation is still queued."""
        with suppress(ConditionFailed):
            is_queued = Condition("#status = :queued", {":queued": Status.QUEUED})
            self.change(run, {"task_token": task_token}, only_if=is_queued)

    def task_token(self, generation_id: str) -> str | None:
        """Return the latest task token of the generation's workflow."""
        return (self.table.get(generation_id) or {}).get("task_token")

    def provider_finished(self, run: Run, video: dict[str, Any], credits_used: int | None) -> None:
        """Record that the provider has finished the video, with its answer and the cost."""
        now = self.now()
        done_on = {BY_DONE.partition: now.astimezone(UTC).date().isoformat()}
        known = {"provider_video": video, "credits_used": credits_used, "generated_at": now, **done_on}
        before = (Status.GENERATING, Status.ARCHIVING)
        self.advance(run, {"status": Status.ARCHIVING, **known}, before=before)

    def keep_upload(self, run: Run, upload: dict[str, Any]) -> None:
        """Record the state of a partly archived video for the next invocation."""
        self.advance(run, {"upload": upload}, before=(Status.ARCHIVING,))

    def keep_rule(self, run: Run, rule: str) -> str:
        """Record the rule for the video before it is stored with this rule, because the tags may change.

        Return the rule that is recorded, which is another one if another invocation read other tags.
        """
        try:
            self.advance(run, {"video_rule": rule}, before=(Status.ARCHIVING,), and_only_if=NO_RULE)
        except GenerationEnded:
            kept = self.get_for(run).video_rule
            if kept is None:
                raise
            return kept
        return rule

    def complete(self, run: Run, video: ArchivedVideo, ended_at: datetime, rule: str | None = None) -> None:
        """End a generation as completed. Its video is verified, and in S3 under this rule."""
        known = {"video": asdict(video), "video_rule": rule}
        ended = {"status": Status.COMPLETED, **known, "ended_at": ended_at, **self._watched(SOON)}
        self.advance(run, ended, before=(Status.ARCHIVING,), remove=("upload",))

    def fail(self, run: Run, failure: Failure, *, unless_sent: bool = False) -> bool:
        """End a generation as failed.

        Return False without a change if it has ended before, if it is in a later run or, with `unless_sent`, if the
        provider may have it.
        """
        try:
            self.advance(
                run,
                {"status": Status.ERROR, "error": asdict(failure), "ended_at": self.now(), **self._watched(SOON)},
                before=(Status.QUEUED, Status.GENERATING, Status.ARCHIVING),
                and_only_if="attribute_not_exists(#submission)" if unless_sent else None,
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
        opening: Others | None = None,
    ) -> bool:
        """Reopen a failed generation whose end was announced. It is checked if the provider has it, else submitted.

        Its end will be announced again. `send_again` clears the claim, because the provider is known not to have
        accepted the request. `opening` opens a hold. Without it, the closed hold is opened with its amount unchanged.
        Raise `BudgetExceeded` if a budget has no room. Return False if another rescue was faster, or if the end was not
        announced when `generation` was read, because its hold was still open then.
        """
        if generation.announced_at is None:
            return False
        now = self.now()
        known = {"submission": Submission.SUBMITTED, "provider_id": provider_id, "submitted_at": now}
        cleared = ("submission", "sending_since", "attempt") if send_again else ()
        try:
            self.change(
                generation.run,
                {
                    "status": Status.GENERATING if provider_id else Status.QUEUED,
                    "reopened_at": now,
                    "rescues": generation.rescues + 1,
                    "batch_run": generation.batch_run,
                    **(known if provider_id else {}),
                    **self._watched(SOON),
                },
                only_if=MAY_CONTINUE,
                remove=(
                    "error",
                    "ended_at",
                    "announced_at",
                    *(() if provider_id else ("slot", "held_since", "rejected_at", "rejected_again")),
                    *cleared,
                ),
                others=opening,
            )
        except ConditionFailed:
            return False
        return True

    def end_again(self, run: Run, *, only_if: Condition, remove: tuple[str, ...]) -> None:
        """Remove attributes of a failed generation, and let the sweep announce and count its end again.

        This begins a next run without an execution. An announcer that has read the attributes belongs to the earlier
        run, so its write fails. Raise `ConditionFailed` as `change` does.
        """
        self.change(
            run,
            {"rescues": run.rescues + 1, **self._watched(SOON)},
            only_if=Condition(f"({only_if.text}) AND {HAS_FAILED.text}", {**only_if.values, **HAS_FAILED.values}),
            remove=("announced_at", *remove),
        )

    def delete(self, generation: Generation) -> None:
        """Replace an ended generation's record by a tombstone, so that its id is not used again for a year.

        The tombstone keeps the hold, so that sums equal records. It keeps the submission if the provider may still work
        on it, and otherwise the cost, because the charge may not have arrived yet. Raise `Conflict` if the generation
        has changed since it was read.
        """
        now = self.now()
        item = self.table.get(generation.generation_id) or {}
        if generation.submission is Submission.SENDING and now - (generation.sending_since or now) < LONGEST_FUNCTION:
            # If the provider rejects it, the end is counted again, for which the record is needed.
            raise Conflict(f"Generation {generation.generation_id} is being sent. Delete it in a quarter of an hour.")
        stays = SUBMISSION if generation.at_provider else CHARGED
        kept = {name: item[name] for name in (KEY, "owner", "hold", *stays) if name in item}
        try:
            self.table.put(
                {
                    **kept,
                    TOMBSTONE: iso(now),
                    EXPIRES_AT: int((now + TOMBSTONE_FOR).timestamp()),
                    **self._watched(LONGEST_FUNCTION),
                },
                # Only if unchanged, because a running Submit may be about to write the provider's id.
                only_if=Condition(
                    "#last_write = :seen AND #rescues = :run AND attribute_exists(#announced_at)",
                    {":seen": item.get("last_write", ""), ":run": generation.rescues},
                ),
            )
        except ConditionFailed:
            raise Conflict(f"Generation {generation.generation_id} has just changed. Fetch it again.") from None

    def disown(self, generation_id: str, owner: str, successor: str) -> None:
        """Replace the owner in a tombstone of this owner, because the owner is erased. Its hold names the owner too."""
        is_tombstone_of_owner = Condition(f"#owner = :before AND attribute_exists({TOMBSTONE})", {":before": owner})
        with suppress(ConditionFailed):  # replaced before
            self.table.update(generation_id, {"owner": successor}, only_if=is_tombstone_of_owner, remove=("hold",))

    def keep_links(self, generation: Generation, links: Links) -> bool:
        """Replace the short links of a completed generation. Return False if they have changed since it was read."""
        seen = generation.links
        unchanged = Condition("#links.#version = :seen", {":seen": seen.version}) if seen else NO_LINKS
        completed = {":completed": Status.COMPLETED}
        try:
            self.table.update(
                generation.generation_id,
                {"links": links.as_dict()},
                only_if=Condition(f"#status = :completed AND {unchanged.text}", {**completed, **unchanged.values}),
            )
        except ConditionFailed:
            return False
        return True

    def announced(self, generation: Generation, closing: Others = Together) -> None:
        """Record that the end was published. In the same transaction, close the hold by `closing`. Do this only once.

        Do nothing if the generation continues in a later run.
        """
        with suppress(ConditionFailed):
            self.table.update_with(
                generation.generation_id,
                as_item({"announced_at": self.now(), "updated_at": self.now()}),
                closing,
                only_if=Condition(
                    "#status IN (:completed, :error) AND #rescues = :run AND attribute_not_exists(#announced_at)",
                    {":completed": Status.COMPLETED, ":error": Status.ERROR, ":run": generation.rescues},
                ),
                remove=tuple(WATCH),
            )

    def advance(
        self,
        run: Run,
        changes: dict[str, Any],
        *,
        before: tuple[Status, ...],
        remove: tuple[str, ...] = (),
        and_only_if: str | None = None,
    ) -> None:
        """Change a generation as `change` does. Raise `GenerationEnded` if the run or the status (`before`) is over."""
        values = {f":before{i}": status for i, status in enumerate(before)}
        only_if = " AND ".join(filter(None, (f"#status IN ({', '.join(values)})", and_only_if)))
        try:
            self.change(run, changes, only_if=Condition(only_if, values), remove=remove)
        except ConditionFailed:
            raise GenerationEnded(f"Generation {run.generation_id} is no longer {' or '.join(before)}.") from None

    def change(
        self,
        run: Run,
        changes: dict[str, Any],
        *,
        only_if: Condition,
        remove: tuple[str, ...] = (),
        others: Others | None = None,
    ) -> None:
        """Change a generation while this is its latest run, and apply `others` in the same transaction.

        Raise `ConditionFailed` if the run is not the latest one, or if `only_if` does not hold.
        """
        only_if = Condition(f"({only_if.text}) AND #rescues = :run", {**only_if.values, ":run": run.rescues})
        changes = as_item({**changes, "updated_at": self.now()})
        if others:
            self.table.update_with(run.generation_id, changes, others, only_if=only_if, remove=remove)
        else:
            self.table.update(run.generation_id, changes, only_if=only_if, remove=remove)

    def _watched(self, after: timedelta) -> Item:
        return dict(zip(WATCH, (WATCHED, iso(self.now() + after)), strict=True))
