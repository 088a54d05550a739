"""Edit the file of a batch and send it again."""

import json
from typing import Any

import boto3

from core.batches.table import BatchRecords
from core.generation import Generation
from core.workflow import Run
from tests.support.functions import Cloud, Doors
from tests.support.generations import archived, claimed
from wiring import now

KEY = "week.jsonl"


def file(*prompts: str, **more: Any) -> str:
    return "".join(json.dumps({"prompt": prompt, **more}) + "\n" for prompt in prompts)


def records() -> BatchRecords:
    return BatchRecords(boto3.client("dynamodb"), "batches", now)


class Week:
    """A file that a test drops, runs, edits and drops again."""

    def __init__(self, doors: Doors) -> None:
        self.doors, self.cloud = doors, doors.cloud

    def drop(self, *prompts: str, key: str = KEY, **more: Any) -> dict[str, Any]:
        """Drop and ingest the file. Return the input of the most recently started execution."""
        assert self.doors.take(self.doors.drop(key, file(*prompts, **more))) == []
        given: dict[str, Any] = self.doors.executions("BATCH_STATE_MACHINE_ARN")[-1]["input"]
        return given

    def accept(self, given: dict[str, Any], rows: int | None = None) -> list[dict[str, Any]]:
        """Pass all staged rows, or only the first ones, to AcceptRow as the Map does."""
        body = boto3.client("s3").get_object(Bucket="videos", Key=given["rows_key"])["Body"].read()
        return [self.cloud.invoke("accept_row", json.loads(line), warm=True) for line in body.splitlines()[:rows]]

    def report(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        self.cloud.invoke("report_batch", given)
        body = boto3.client("s3").get_object(Bucket="videos", Key=f"{given['results']}/report.jsonl")["Body"].read()
        return [json.loads(line) for line in body.splitlines()]

    @property
    def all(self) -> list[Generation]:
        return self.doors.of("files")


def complete(cloud: Cloud, *ids: str, **video: Any) -> None:
    for generation_id in ids:
        claimed(cloud.ledger, Run(generation_id)).submitted(f"p-{generation_id}")
        cloud.ledger.provider_finished(Run(generation_id), {"url": "http://x"}, 1)
        cloud.ledger.complete(Run(generation_id), archived(generation_id, **video), now())
