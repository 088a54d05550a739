"""Keep the requests, the counted calls and the received webhooks of the sandbox in one table. Items expire."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.simulator.generations import Generation
from local.simulator.logs import Entry
from sandbox.identity import prompt_hash, read_id

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY, SORT, EXPIRES_AT = "kind", "name", "expires_at"
KEPT_SECONDS = 3 * 24 * 3600
EVER = 10**13  # milliseconds

REQUESTS, CALLS, RECEIVED, FAILED = "requests", "calls", "received", "failed"


@dataclass(frozen=True)
class Table:
    """The table, and the secret that signs ids. `now` is in epoch seconds."""

    dynamodb: "DynamoDBClient"
    name: str
    secret: bytes
    now: Callable[[], float] = time.time

    def add(self, entry: Entry) -> None:
        """Add a row to the request log. Repeating this changes nothing, because the id of each generation is unique."""
        generation = entry.generation
        item = {
            "id": {"S": generation.id},
            "request_id": {"S": entry.request_id},
            "prompt_hash": {"S": prompt_hash(generation.clip.prompt)},
        }
        if generation.client_request_id:
            item["client_request_id"] = {"S": generation.client_request_id}
        self._put(REQUESTS, f"{_milliseconds(generation.created_at)} {generation.id}", item)

    def between(self, first: float, last: float) -> Iterator[tuple[Generation, str]]:
        """Yield the generations that were accepted in a period (epoch seconds), and the ids of their requests."""
        for item in self._query(REQUESTS, _milliseconds(first), f"{_milliseconds(last)}~"):
            generation = read_id(self.secret, item["id"]["S"])
            if generation is None:  # of a key that has been replaced
                continue
            ours = item.get("client_request_id", {}).get("S")
            yield (
                Generation(generation.id, generation.clip, generation.created_at, ours, generation.fault),
                item["request_id"]["S"],
            )

    def count(self, prompt: str) -> int:
        """Count a call with this prompt, and return how many there were before."""
        answer = self.dynamodb.update_item(
            TableName=self.name,
            Key={KEY: {"S": CALLS}, SORT: {"S": prompt_hash(prompt)}},
            UpdateExpression=f"ADD calls :one SET {EXPIRES_AT} = :at",
            ExpressionAttributeValues={":one": {"N": "1"}, ":at": {"N": self._expiry()}},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["calls"]["N"]) - 1

    def note(self, kind: str, name: str, text: str) -> None:
        """Keep a received webhook or a failed invocation for the tests to read."""
        self._put(kind, f"{_milliseconds(self.now())} {name}", {"text": {"S": text}})

    def _put(self, kind: str, name: str, item: dict[str, Any]) -> None:
        key = {KEY: {"S": kind}, SORT: {"S": name}, EXPIRES_AT: {"N": self._expiry()}}
        self.dynamodb.put_item(TableName=self.name, Item={**item, **key})

    def _query(self, kind: str, first: str, last: str) -> Iterator[dict[str, Any]]:
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression="#kind = :kind AND #name BETWEEN :first AND :last",
            ExpressionAttributeNames={"#kind": KEY, "#name": SORT},
            ExpressionAttributeValues={":kind": {"S": kind}, ":first": {"S": first}, ":last": {"S": last}},
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]

    def _expiry(self) -> str:
        return str(int(self.now()) + KEPT_SECONDS)


def _milliseconds(seconds: float) -> str:
    """Return a time as text that sorts like the times."""
    return f"{min(max(round(seconds * 1000), 0), EVER):014}"
