"""Capacity: never more generations at the provider than allowed, for all doors together.

A workflow waits in its state Admit, which costs nothing while it waits, until it is given one of the places. The
places and the queue are in the ledger's table:

    item "#capacity"       in_flight: places taken; turn: of the last one admitted
    item "#owner:<name>"   turn: of the owner's last arrival
    a generation           queue: arriving, waiting or granted, sorted by queue_key in the index; place: since when

Fairness between owners is start-time fair queuing: an arrival's turn is one more than its owner's last, but never
less than where the queue stands. So an owner's thousand jobs have a thousand turns, and another owner's first the next.
Every step is one transaction, and each may be done again: whoever dies in between is made good by `sweep`.
"""

import heapq
import json
import random
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.errors import GenerationEnded
from core.generation import Clock, Status, Submission, iso
from core.records.ledger import Ledger
from core.records.table import BY_PLACE, BY_QUEUE
from core.workflow import Workflow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_stepfunctions import SFNClient

_CAPACITY = {"generation_id": {"S": "#capacity"}}
_PATIENCE = timedelta(minutes=1)  # what is older was left by somebody who died
_CONFLICTS = 20  # transactions on the one counter that may collide before the next in line is left to another


class Capacity:
    """The places at the provider, `limit` in all."""

    def __init__(
        self, dynamodb: "DynamoDBClient", table_name: str, stepfunctions: "SFNClient", limit: int, now: Clock
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table_name
        self._stepfunctions = stepfunctions
        self._limit = limit
        self._now = now
        self._ledger = Ledger(dynamodb, table_name, now)

    def admit(self, generation_id: str, task_token: str) -> None:
        """Let the workflow that waits with `task_token` go on when it is its generation's turn: perhaps at once."""
        generation = self._ledger.get(generation_id)
        if generation.status is Status.ERROR:
            raise GenerationEnded(f"Generation {generation_id} has ended: it waits for no place.")
        item = self._item(generation_id)
        if "place" in item or generation.submission is Submission.SUBMITTED:  # entered again, or rescued
            self._answer(task_token)
            return
        is_waiting = item.get("queue") == {"S": "waiting"}
        key = item["queue_key"]["S"] if is_waiting else self._turn(generation.owner)
        self._update(
            generation_id,
            "SET #queue = :waiting, queue_key = :key, task_token = :token",
            "#status = :queued",
            {":waiting": "waiting", ":key": key, ":token": task_token, ":queued": Status.QUEUED},
        )
        self._dispatch((key, generation_id))

    def release(self, generation_id: str) -> None:
        """Give back the generation's place, if it has one, and let the next ones in."""
        try:
            self._transact(
                {
                    "UpdateExpression": "SET in_flight = if_not_exists(in_flight, :one) - :one",
                    "ExpressionAttributeValues": {":one": {"N": "1"}},
                },
                generation_id,
                {
                    "UpdateExpression": "REMOVE place, #queue, queue_key, task_token",
                    "ConditionExpression": "attribute_exists(place)",
                    "ExpressionAttributeNames": {"#queue": "queue"},
                },
            )
        except _Refused:
            self._leave_queue(generation_id)  # it had none: it may have ended while it waited
        self._dispatch()

    def sweep(self, workflow: Workflow) -> None:
        """Make good what anyone left half done: run it every minute."""
        for generation_id, key in self._queued("arriving"):
            if self._now() - datetime.fromisoformat(key) > _PATIENCE:
                workflow.start(self._ledger.get(generation_id).execution_name)
        for generation_id, _ in self._queued("granted"):
            self._wake(generation_id)
        for generation_id in self._holders():
            if self._ledger.get(generation_id).status not in (Status.QUEUED, Status.GENERATING):
                self.release(generation_id)
        self._dispatch()

    def _turn(self, owner: str) -> str:
        """The place in the queue of a new arrival: sorts by turn, then by time."""
        stands = self._dynamodb.get_item(TableName=self._table, Key=_CAPACITY, ConsistentRead=True).get("Item", {})
        at_least = int(stands.get("turn", {"N": "0"})["N"]) + 1
        answer = self._dynamodb.update_item(
            TableName=self._table,
            Key={"generation_id": {"S": f"#owner:{owner}"}},
            UpdateExpression="ADD turn :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
            ReturnValues="UPDATED_NEW",
        )
        turn = int(answer["Attributes"]["turn"]["N"])
        if turn < at_least:
            self._dynamodb.update_item(
                TableName=self._table,
                Key={"generation_id": {"S": f"#owner:{owner}"}},
                UpdateExpression="ADD turn :behind",
                ExpressionAttributeValues={":behind": {"N": str(at_least - turn)}},
            )
            turn = at_least
        return f"{turn:012d}_{iso(self._now())}"

    def _dispatch(self, arrival: tuple[str, str] | None = None) -> None:
        """Grant places in order until all are taken or nobody waits; `arrival` may not be in the index yet."""
        waiting = ((key, generation_id) for generation_id, key in self._queued("waiting"))
        for key, generation_id in heapq.merge(waiting, [arrival] if arrival else []):
            if not self._grant(generation_id, key):
                return

    def _grant(self, generation_id: str, key: str) -> bool:
        """Whether there may be a place for the next one too."""
        try:
            self._transact(
                {
                    "UpdateExpression": "SET in_flight = if_not_exists(in_flight, :zero) + :one, turn = :turn",
                    "ConditionExpression": "attribute_not_exists(in_flight) OR in_flight < :limit",
                    "ExpressionAttributeValues": {
                        ":zero": {"N": "0"},
                        ":one": {"N": "1"},
                        ":limit": {"N": str(self._limit)},
                        ":turn": {"N": str(int(key.partition("_")[0]))},
                    },
                },
                generation_id,
                {
                    "UpdateExpression": "SET place = :now, #queue = :granted",
                    "ConditionExpression": "#queue = :waiting AND #status = :queued",
                    "ExpressionAttributeNames": {"#queue": "queue", "#status": "status"},
                    "ExpressionAttributeValues": {
                        ":now": {"S": iso(self._now())},
                        ":granted": {"S": "granted"},
                        ":waiting": {"S": "waiting"},
                        ":queued": {"S": Status.QUEUED.value},
                    },
                },
            )
        except _Refused as refused:
            if not refused.is_full:
                self._leave_queue(generation_id)
            return not refused.is_full
        self._wake(generation_id)
        return True

    def _wake(self, generation_id: str) -> None:
        """Tell the workflow of a generation that has a place; done again if whoever granted it died before."""
        token = self._item(generation_id).get("task_token", {}).get("S")
        if token is None:
            return
        self._answer(token)
        self._update(
            generation_id,
            "REMOVE #queue, queue_key, task_token",
            "#queue = :granted AND task_token = :token",
            {":granted": "granted", ":token": token},
        )

    def _answer(self, task_token: str) -> None:
        errors = self._stepfunctions.exceptions
        try:
            self._stepfunctions.send_task_success(taskToken=task_token, output=json.dumps({}))
        except (errors.TaskDoesNotExist, errors.TaskTimedOut, errors.InvalidToken):
            return  # answered before, or its workflow has ended

    def _leave_queue(self, generation_id: str) -> None:
        """One that ended while it waited: its workflow, if it still waits, goes on and finds that."""
        item = self._item(generation_id)
        if "task_token" in item and item["status"]["S"] != Status.QUEUED:
            self._answer(item["task_token"]["S"])
        self._update(
            generation_id,
            "REMOVE #queue, queue_key, task_token",
            "attribute_exists(#queue) AND #status <> :queued",
            {":queued": Status.QUEUED},
        )

    def _queued(self, queue: str) -> Iterator[tuple[str, str]]:
        """(id, key) of those in a queue, first come first."""
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=BY_QUEUE.name,
            KeyConditionExpression="#queue = :queue",
            ExpressionAttributeNames={"#queue": "queue"},
            ExpressionAttributeValues={":queue": {"S": queue}},
            PaginationConfig={"PageSize": 25},
        )
        for page in pages:
            for item in page["Items"]:
                yield item["generation_id"]["S"], item["queue_key"]["S"]

    def _holders(self) -> Iterator[str]:
        """The generations that have a place; there are no more than the limit."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table, IndexName=BY_PLACE.name)
        for page in pages:
            for item in page["Items"]:
                yield item["generation_id"]["S"]

    def _item(self, generation_id: str) -> dict[str, Any]:
        answer = self._dynamodb.get_item(
            TableName=self._table, Key={"generation_id": {"S": generation_id}}, ConsistentRead=True
        )
        item: dict[str, Any] = answer.get("Item", {})
        return item

    def _update(self, generation_id: str, expression: str, condition: str, values: dict[str, str]) -> None:
        """Change a generation's part in the queue, if `condition` holds; else leave it as it is."""
        columns = {"#queue": "queue", "#status": "status"}
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key={"generation_id": {"S": generation_id}},
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames={
                    name: column for name, column in columns.items() if name in expression + condition
                },
                ExpressionAttributeValues={name: {"S": str(value)} for name, value in values.items()},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return

    def _transact(self, capacity: dict[str, Any], generation_id: str, generation: dict[str, Any]) -> None:
        """Change the counter and a generation, both or none; `_Refused` if a condition does not hold."""
        key = {"generation_id": {"S": generation_id}}
        items: Any = [
            {"Update": {"TableName": self._table, "Key": _CAPACITY, **capacity}},
            {"Update": {"TableName": self._table, "Key": key, **generation}},
        ]
        for attempt in range(_CONFLICTS):
            try:
                self._dynamodb.transact_write_items(TransactItems=items)
            except self._dynamodb.exceptions.TransactionCanceledException as cancelled:
                reasons = [str(reason.get("Code")) for reason in cancelled.response["CancellationReasons"]]
                if "ConditionalCheckFailed" in reasons:
                    raise _Refused(is_full=reasons[0] == "ConditionalCheckFailed") from None
                time.sleep(random.uniform(0, 0.02 * (attempt + 1)))  # noqa: S311 - another transaction was in the way
            else:
                return
        raise _Refused(is_full=True)


class _Refused(Exception):
    def __init__(self, *, is_full: bool) -> None:
        super().__init__()
        self.is_full = is_full
