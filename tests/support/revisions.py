"""Edit the file of a batch and send it again."""

import json
from typing import Any

import boto3

from core.batches.table import BatchRecords
from core.generation import Generation
from tests.support.functions import Cloud, Doors
from tests.support.generations import archived, claimed
from wiring import now

KEY = "week.jsonl"


def file(*prompts: str, **more: Any) -> str:
    return "".join(json.dumps({"prompt": prompt, **more}) + "\n" for prompt in prompts)


def records() -> BatchRecords:
    return BatchRecords(boto3.client("dynamodb"), "batches", now)


def change(key: dict[str, str], **changes: str) -> None:
    """Set text attributes of an item of the table of batches, as if they had been written so."""
    boto3.client("dynamodb").update_item(
        TableName="batches",
        Key={name: {"S": value} for name, value in key.items()},
        UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in changes),
        ExpressionAttributeValues={f":{name}": {"S": value} for name, value in changes.items()},
    )


def staged(given: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the Map of an execution hands to AcceptRow: each staged row, with the run."""
    return [{"run": given["run"], "row": line} for line in lines(given["bucket"], given["rows_key"])]


def lines(bucket: str, key: str) -> list[dict[str, Any]]:
    """Return the parsed lines of an object."""
    body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return [json.loads(line) for line in body.splitlines()]


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
        return [self.cloud.invoke("accept_row", row, warm=True) for row in staged(given)[:rows]]

    def report(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        self.cloud.invoke("report_batch", given)
        return reported(given)

    def retry(self, given: dict[str, Any]) -> dict[str, Any]:
        """Create a run that retries the batch, as the API does. Return the input of its execution."""
        latest = records().get(given["batch_id"]).run
        assert latest
        run = latest.retried(None, now())
        assert records().begin(run, None)
        retried: dict[str, Any] = json.loads(run.to_input(given["bucket"]))
        return retried

    def cancel(self, given: dict[str, Any]) -> None:
        """Record that the batch is cancelled, as the API does before it stops the running rows."""
        latest = records().get(given["batch_id"]).run
        records().cancel(given["batch_id"], latest.number if latest else 0, now())

    @property
    def all(self) -> list[Generation]:
        return self.doors.of("files")


def reported(given: dict[str, Any], apart: str = "") -> list[dict[str, Any]]:
    """Return the report in the results of a batch, or in those of a run that is not the latest."""
    return lines(given["bucket"], f"results/{given['batch_id']}{apart}/report.jsonl")


def complete(cloud: Cloud, *ids: str, **video: Any) -> None:
    for generation_id in ids:
        run = cloud.ledger.get(generation_id).run
        claimed(cloud.ledger, run).submitted(f"p-{generation_id}")
        cloud.ledger.provider_finished(run, {"url": "http://x"}, 1)
        cloud.ledger.complete(run, archived(generation_id, **video), now())
