"""Give an owner something in every table and bucket, and read everything that they contain."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from core.batches.rejection_limit import RejectionLimit
from core.batches.table import BatchRecords
from core.generation import Failure
from core.money.budgets import Budgets, Limits, scope_of
from core.owners import own_folder
from core.webhooks.senders import Senders
from core.workflow import Run
from promptreel.operator import deployment
from promptreel.operator.deployment import Deployment
from promptreel.operator.keys import ApiKeys
from tests.support.functions import PATHS, Cloud, Doors, call
from tests.support.inputs import PNG, upload
from tests.support.inputs import ask as ask_with
from tests.support.revisions import file, staged
from tests.support.states import caught, payload
from tests.support.webhooks import as_event, deliver
from tests.support.wire import http, serving
from wiring import now

TABLES = {
    "generations": "generation_id",
    "batches": "batch_id",
    "slots": "sk",
    "money": "sk",
    "webhooks": "delivery_id",
}
BUCKETS = ("videos", "prompts")


def deployed(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, client: Callable[..., Any] | None = None) -> Deployment:
    """Return the deployment of an operator, whose commands also find it."""
    environment = cloud.environment
    outputs = {
        "TableName": "generations",
        "BatchesTableName": "batches",
        "SlotsTableName": "slots",
        "MoneyTableName": "money",
        "WebhooksTableName": "webhooks",
        "VideosBucketName": "videos",
        "PromptsBucketName": "prompts",
        "FileOwners": environment["FILE_OWNERS"],
        "VideoRules": environment["VIDEO_RULES"],
        "Budgets": "none",
        "ApiKeysSecretArn": environment["API_KEYS_SECRET"],
        "ProviderKeySecretArn": environment["PROVIDER_KEY_SECRET"],
        "ProviderUrl": environment["PROVIDER_URL"],
        "VideoGenerationStateMachineArn": environment["STATE_MACHINE_ARN"],
        "PromptBatchStateMachineArn": environment["BATCH_STATE_MACHINE_ARN"],
    }
    found = Deployment("promptreel-dev", "CREATE_COMPLETE", "us-east-1", outputs, None)
    monkeypatch.setattr(deployment, "find", lambda _: found)
    make = client or (lambda service, **_: boto3.client(service))
    monkeypatch.setattr(Deployment, "client", lambda _, service, **options: make(service, **options))
    return found


@dataclass(frozen=True)
class Everything:
    """The ids of what an owner has."""

    owner: str
    completed: str
    linked: str  # has short links, and a webhook that was delivered
    failed: str
    deleted: str
    running: str
    waiting: str
    batch: str
    row: str
    key_id: str


def everything(doors: Doors, owner: str, word: str) -> Everything:
    """Give an owner everything. Each text that the owner sends contains the word."""
    cloud = doors.cloud
    keys = ApiKeys(boto3.client("secretsmanager"), cloud.environment["API_KEYS_SECRET"])
    _, key = keys.create(owner, name=f"{word} key")
    caller = cloud.caller(owner, key_id=key.key_id)

    def create(prompt: str, query: str = f"tag=project={word}") -> str:
        body = {"model": "veo2", "prompt": f"{word} {prompt}"}
        status, made = call(caller, "POST", PATHS[0], body=body, query=query)
        assert status == 200, made
        return str(made["id"])

    def complete(generation_id: str) -> str:
        cloud.run({"generation_id": generation_id}, "admit", "submit", "check_status", "finalize")
        return generation_id

    budgets = Budgets(boto3.client("dynamodb"), "money", Limits(), now)
    budgets.set(scope_of(owner), {"day": 10**12})
    budgets.set(scope_of(key_line=key.line), {"day": 10**12})
    completed = complete(create("a kite"))
    with serving(http(204)) as receiver:
        linked = create("a hook", f"webhook={receiver.url}/{word}")
        cloud.messages()
        complete(linked)
        announced = json.loads(cloud.messages()[-1]["Message"])
        deliver(cloud, as_event(announced), warm=False)
        cloud.invoke("make_poster", {"detail": announced})
    status, link = call(caller, "POST", f"{PATHS[0]}/{linked}/links")
    assert status == 200, link
    assert call(caller, "POST", "/v2/webhooks/secret/rotate")[0] == 200
    failed, deleted = create("a banquet"), complete(create("a mistake"))
    cloud.ledger.fail(Run(failed), Failure("RequestRefused", f"{word} is not allowed"))
    announce_ends(cloud)
    assert call(caller, "DELETE", PATHS[0], query=f"generation_id={deleted}")[0] == 200
    reference = upload(cloud, PNG + word.encode(), owner)
    upload(cloud, PNG + word.encode() * 2, owner)
    status, with_input = ask_with(cloud, reference, owner, prompt=f"{word} with a picture")
    assert status == 200, with_input
    running = create("a snail")
    cloud.run({"generation_id": with_input["id"]}, "admit")
    cloud.run({"generation_id": running}, "admit")
    batch, row = _batch(doors, owner, word, key.line)
    Senders(boto3.client("dynamodb"), "webhooks", now).take(owner, f"{word}.example")
    complete(with_input["id"])
    return Everything(owner, completed, linked, failed, deleted, running, with_input["id"], batch, row, key.key_id)


def _batch(doors: Doors, owner: str, word: str, line: str) -> tuple[str, str]:
    """Run a batch of a valid and a rejected row, and return its id and that of the valid row's generation."""
    text = file(f"{word} row one") + json.dumps({"prompt": f"{word} row two", "model": "veo2", "name": 7}) + "\n"
    text += json.dumps({"model": "google/veo-3.1-i2v-fast", "prompt": f"{word} row", "image_url": "upload:" + "0" * 32})
    created = doors.drop(f"{own_folder(owner)}{word}.jsonl", text, key_line=line)
    assert doors.take(created) == []
    given = doors.executions("BATCH_STATE_MACHINE_ARN")[-1]["input"]
    answers = [doors.cloud.invoke("accept_row", one) for one in staged(given)]
    doors.cloud.invoke("report_batch", given)
    records = BatchRecords(boto3.client("dynamodb"), "batches", now)
    RejectionLimit(records, 2000, lambda: None).count(owner, None, 1)
    return given["batch_id"], next(one["generation_id"] for one in answers if one.get("generation_id"))


def announce_ends(cloud: Cloud) -> None:
    """Let the workflows of jobs that have ended find that, as their next state does."""
    for item in boto3.client("dynamodb").scan(TableName="generations")["Items"]:
        if item.get("status", {}).get("S") in ("completed", "error") and "announced_at" not in item:
            state = {"generation_id": item["generation_id"]["S"], **caught("Cancelled", "no")}
            cloud.invoke("record_failure", payload("record_failure", state))


def end_executions(cloud: Cloud) -> None:
    """End all executions, which moto never does by itself."""
    stepfunctions = boto3.client("stepfunctions")
    for machine in ("STATE_MACHINE_ARN", "BATCH_STATE_MACHINE_ARN"):
        for one in stepfunctions.list_executions(stateMachineArn=cloud.environment[machine])["executions"]:
            stepfunctions.stop_execution(executionArn=one["executionArn"])


def contents() -> dict[str, Any]:
    """Return every item of every table, every version of every object, and the value of every secret, by name."""
    found: dict[str, Any] = {}
    for table, key in TABLES.items():
        for item in boto3.client("dynamodb").scan(TableName=table)["Items"]:
            name = "/".join(item[one]["S"] for one in ("pk", key) if one in item)
            found[f"{table}: {name}"] = item
    s3 = boto3.client("s3")
    for bucket in BUCKETS:
        listed = s3.list_object_versions(Bucket=bucket)
        for one in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
            key, version = one["Key"], one["VersionId"]
            body = b""
            if "Size" in one:
                body = s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read()
            found[f"{bucket}: {key} {version}"] = body
    secrets = boto3.client("secretsmanager")
    for secret in secrets.list_secrets()["SecretList"]:
        for version, stages in secret.get("SecretVersionsToStages", {}).items():
            if any(stage.startswith("AWS") for stage in stages):
                value = secrets.get_secret_value(SecretId=secret["ARN"], VersionId=version)["SecretString"]
                found[f"secret {secret['Name']} {stages}"] = value
    return found


class Later:
    """A clock of the operator that is ahead of the one of the functions."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return now() + self.ahead
