"""Read the table, the buckets, the topic and the provider independently, and compare them with the promises.

This uses nothing from `core`. Its knowledge of records is limited to docs/events.md and the table's items.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from local.simulator.calls import Call
from local.simulator.models import clip_of
from local.simulator.videos import render
from tests.support.local_cloud import LocalCloud


@dataclass
class World:
    """Everything that exists at one moment."""

    records: dict[str, dict[str, Any]]  # by generation
    slots: list[dict[str, Any]]
    money: list[dict[str, Any]]
    objects: dict[str, bytes]  # of the videos bucket, by key
    announcements: dict[str, list[dict[str, Any]]]  # by generation
    batches: dict[str, list[dict[str, Any]]]  # the announcements of batches
    calls: list[Call]
    created: dict[str, int]  # jobs that the provider accepted, by prompt
    executions: list[dict[str, Any]]
    logs: list[str]
    secrets: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, cloud: LocalCloud) -> "World":
        announcements, batches = defaultdict(list), defaultdict(list)
        for message in cloud.announcements("", "nothing") or cloud._messages:
            if "generation_id" in message:
                announcements[message["generation_id"]].append(message)
            else:
                batches[message["batch_id"]].append(message)
        return cls(
            records={str(item["generation_id"]): item for item in items(cloud, cloud.stack.table_name)},
            slots=list(items(cloud, cloud.stack.slots_table_name)),
            money=list(items(cloud, cloud.stack.money_table_name)),
            objects=dict(_objects(cloud)),
            announcements=announcements,
            batches=batches,
            calls=cloud.simulator.calls(),
            created=cloud.simulator.counts().creates_by_prompt,
            executions=list(_executions(cloud)),
            logs=list(_logs(cloud)),
            secrets=[cloud.stack.api_key, _provider_key(cloud)],
        )

    def broken(self, generation_id: str) -> Iterator[str]:
        """Return the promises that this generation breaks, each in a few words."""
        record = self.records.get(generation_id)
        if not generation_id:
            yield "no record"
            return
        calls = [
            call
            for call in self.calls
            if call.method == "POST" and (call.client_request_id or "").startswith(generation_id)
        ]
        accepted = [call for call in calls if call.generation_id or call.status is None or _is_unclear(call.status)]
        if len(accepted) > 1:
            yield f"{len(accepted)} create calls that the provider may have accepted"
        if record and "request" in record and self.created.get(json.loads(record["request"])["prompt"], 0) > 1:
            yield "paid twice"
        if record is None:
            yield "no record"
            return
        if "deleted_at" in record:
            # The sweep will remove a poster that was being made at the deletion.
            later = {f"videos/{generation_id}/poster.jpg"} if "watch" in record else set()
            if any(key.startswith(f"videos/{generation_id}/") for key in self.objects.keys() - later):
                yield "deleted, and still in the archive"
            return
        status = record["status"]
        if status not in ("completed", "error"):
            yield f"not ended: {status}"
            return
        told = self.announcements.get(generation_id, [])
        if not told or not record.get("announced_at"):
            yield "its end was not announced"
        elif told[-1]["status"] != status:
            yield f"announced as {told[-1]['status']}, recorded as {status}"
        if status == "completed":
            yield from self._broken_video(generation_id, record)
        for execution in self.executions:
            if execution["name"].startswith(generation_id) and execution["status"] == "RUNNING":
                yield "its workflow still runs"

    def _broken_video(self, generation_id: str, record: dict[str, Any]) -> Iterator[str]:
        request = json.loads(record["request"])
        wanted = render(clip_of(request))
        if self.objects.get(f"videos/{generation_id}/video.mp4") != wanted:
            yield "completed, and the video is not what the provider made"
        if f"videos/{generation_id}/generation.json" not in self.objects:
            yield "completed, and the record beside the video is missing"

    def broken_batch(self, batch_id: str) -> Iterator[str]:
        """Return the promises that a batch breaks: one report with each row once, which equals the records."""
        rows = {key: record for key, record in self.records.items() if record.get("batch_id") == batch_id}
        for generation_id in rows:
            yield from self.broken(generation_id)
        told = {(message["revision"], json.dumps(message["totals"])) for message in self.batches[batch_id]}
        if len(told) != 1:
            yield f"its batch was announced with {len(told)} results"
        report = self.objects.get(f"results/{batch_id}/report.jsonl", b"").decode().splitlines()
        reported = [json.loads(line) for line in report]
        if [row["row"] for row in reported] != [1, 2, 3]:
            yield f"the report has the rows {[row['row'] for row in reported]}"
        for row in reported:
            record = rows.get(row["generation_id"] or "", {})
            if row["row"] < 3 and (row["status"], row["credits_used"]) != (
                record.get("status"),
                record.get("credits_used"),
            ):
                yield f"the report says that row {row['row']} is {row['status']}, the record {record.get('status')}"
        if len(rows) != 2:
            yield f"{len(rows)} of its rows have records"

    def broken_webhook(self, generation_id: str, received: list[dict[str, Any]]) -> Iterator[str]:
        """Return what is wrong with the messages that a webhook received."""
        status = self.records.get(generation_id, {}).get("status")
        if not received:
            yield "its webhook received nothing"
        elif received[-1]["data"]["status"] != status:
            yield f"its webhook received {received[-1]['data']['status']}, and it is {status}"

    def broken_money(self) -> Iterator[str]:
        """Return how budgets and sums differ from the records. All jobs have ended, so nothing may be held."""
        held = {key: record for key, record in self.records.items() if "hold" in record}
        taken: Counter[tuple[str, str]] = Counter()
        sums: Counter[str] = Counter()
        for generation_id, record in held.items():
            hold = record["hold"]
            for scope, counts in hold["counts"].items():
                taken.update({(scope, period): int(credits_) for period, credits_ in counts.items()})
            if counted := hold.get("counted"):
                sums[f"{counted['day']}/{record['owner']}"] += int(counted["credits"])
            if "status" in record:
                yield from _broken_hold(generation_id, record)
        for item in self.money:
            if item["pk"] == "scope":
                for name in ("day", "month"):
                    period, spent = item.get(name, ""), item.get(f"{name}_credits", 0)
                    if spent != taken[item["sk"], period]:
                        yield f"{item['sk']} has spent {spent} in {period}, its jobs {taken[item['sk'], period]}"
            if item["pk"] == "usage" and item.get("credits", 0) != sums[item["sk"]]:
                yield f"the sum of {item['sk']} is {item.get('credits', 0)}, that of its records {sums[item['sk']]}"

    def broken_as_a_whole(self) -> Iterator[str]:
        """Return the broken promises that concern no single generation."""
        yield from self.broken_money()
        for slot in self.slots:
            if slot["pk"] == "slot":
                yield f"a slot is held by {slot['holder']}"
            if slot["pk"] == "waiting":
                yield f"{slot['holder']} still waits"
        for key in self.objects:
            which = re.fullmatch("videos/([0-9a-f]{32})/.*", key)
            if which and "status" not in self.records.get(which[1], {}):
                yield f"{key} has no record"
        for name, text in self._texts():
            if any(secret in text for secret in self.secrets):
                yield f"a secret in {name}"

    def _texts(self) -> Iterator[tuple[str, str]]:
        yield "the table", json.dumps(list(self.records.values()), default=str)
        yield "the announcements", json.dumps(self.announcements)
        yield "the executions", json.dumps(self.executions, default=str)
        yield "the logs", "\n".join(self.logs)
        for key, body in self.objects.items():
            if not key.endswith(".mp4"):
                yield key, body.decode(errors="replace")


def _broken_hold(generation_id: str, record: dict[str, Any]) -> Iterator[str]:
    hold = record["hold"]
    if "counted" not in hold or hold["credits"] != hold["counted"]["credits"]:
        yield f"{generation_id} has ended, and its hold is open"
    elif record["status"] == "completed" and hold["credits"] != record.get("credits_used"):
        yield f"{generation_id} cost {record.get('credits_used')}, and {hold['credits']} were counted"


def items(cloud: LocalCloud, table: str) -> Iterator[dict[str, Any]]:
    """Return all items of a table."""
    read = TypeDeserializer().deserialize
    for page in cloud.aws("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        for item in page["Items"]:
            yield {name: read(value) for name, value in item.items()}


def _objects(cloud: LocalCloud) -> Iterator[tuple[str, bytes]]:
    s3, bucket = cloud.aws("s3"), cloud.stack.videos_bucket
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", []):
            yield item["Key"], s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()


def _executions(cloud: LocalCloud) -> Iterator[dict[str, Any]]:
    stepfunctions = cloud.aws("stepfunctions")
    pages = stepfunctions.get_paginator("list_executions")
    for arn in (cloud.stack.video_generation_state_machine_arn, cloud.stack.prompt_batch_state_machine_arn):
        for page in pages.paginate(stateMachineArn=arn):
            for execution in page["executions"]:
                yield stepfunctions.describe_execution(executionArn=execution["executionArn"])


def _logs(cloud: LocalCloud) -> Iterator[str]:
    logs = cloud.aws("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            yield from (event["message"] for event in page["events"])


def _provider_key(cloud: LocalCloud) -> str:
    secret = cloud.aws("secretsmanager").get_secret_value(SecretId=cloud.stack.provider_key_secret_arn)
    return str(secret["SecretString"])


def _is_unclear(status: int) -> bool:
    """Return whether a response to a create call leaves it open whether the call was accepted (docs/errors.md)."""
    refused = {400, 401, 402, 403, 404, 422, 429, 503}
    return status not in refused
