"""Use the deployed sandbox as its callers and its operator do."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar
from uuid import uuid4

import boto3
import requests
from botocore.config import Config

from local.provision import without_dns
from promptreel.operator.keys import ApiKeys
from sandbox.table import KEY, SORT

T = TypeVar("T")
STACK = "promptreel-sandbox"
OWNER = "sandbox"  # also of dropped files and of events, so that one key shows them all
PATIENCE_SECONDS = 300.0
GENERATIONS = "/v2/video/generations"


@dataclass(frozen=True)
class Sandbox:
    """The deployed stack. `emulator` is the URL of the local AWS, or None on AWS."""

    outputs: dict[str, str]
    region: str
    emulator: str | None
    tests: dict[str, str] = field(default_factory=dict)  # the test that made a generation or a batch, by its id
    _clients: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Return the URL of the HTTP API."""
        return without_dns(self.outputs["ApiUrl"], self.emulator) if self.emulator else self.outputs["ApiUrl"]

    @property
    def provider_url(self) -> str:
        return self.outputs["ProviderUrl"]

    @cached_property
    def provider_key(self) -> str:
        secret = self.outputs["ProviderKeySecretArn"]
        return str(self.aws("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])

    @cached_property
    def key(self) -> str:
        """Return a new API key of `OWNER`."""
        return ApiKeys(self.aws("secretsmanager"), self.outputs["ApiKeysSecretArn"]).create(OWNER)[0]

    def aws(self, service: str) -> Any:
        if service not in self._clients:
            config = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard"})
            self._clients[service] = boto3.client(service, region_name=self.region, config=config)  # type: ignore[call-overload]
        return self._clients[service]

    def call(self, method: str, path: str = GENERATIONS, **arguments: Any) -> requests.Response:
        """Call the HTTP API. A new key is accepted after some seconds."""
        headers = {"Authorization": f"Bearer {self.key}", **arguments.pop("headers", {})}
        return requests.request(method, self.url + path, headers=headers, timeout=60, **arguments)

    def create(self, prompt: str, query: dict[str, str] | None = None, **fields: Any) -> str:
        """Send a prompt and return the generation's id."""
        answer = self.call("POST", json={"model": "veo2", "prompt": prompt, **fields}, params=query)
        assert answer.status_code == 200, answer.text
        return self.made(answer.json()["id"])

    def made(self, which: str) -> str:
        """Remember which test made this generation or batch, and return its id."""
        self.tests[which] = os.environ["PYTEST_CURRENT_TEST"].rpartition("::")[2].removesuffix(" (call)")
        return which

    def get(self, generation_id: str) -> dict[str, Any]:
        answer = self.call("GET", params={"generation_id": generation_id})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def ended(self, generation_id: str) -> dict[str, Any]:
        """Return the generation once it has ended."""

        def look() -> dict[str, Any] | None:
            found = self.get(generation_id)
            return found if found["status"] in ("completed", "error") else None

        return eventually(look)

    def completed(self, generation_id: str) -> dict[str, Any]:
        """Return the generation once it has ended, with a video."""
        ended = self.ended(generation_id)
        assert ended["status"] == "completed", ended["error"]
        return ended

    def failed(self, generation_id: str) -> str:
        """Return the name of the generation's error once it has ended."""
        ended = self.ended(generation_id)
        assert ended["status"] == "error"
        return str(ended["error"]["name"])

    def by_prompt(self, prompt: str) -> str:
        """Return the id of the generation with this prompt once it is in the owner's list."""

        def look() -> str | None:
            found = self.call("GET", params={"text": prompt}).json()["data"]
            return str(found[0]["id"]) if found else None

        return self.made(eventually(look))

    def execution(self, generation_id: str) -> dict[str, Any]:
        """Return the first execution of a generation once it has ended."""
        arn = self.outputs["VideoGenerationStateMachineArn"].replace(":stateMachine:", ":execution:")

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.aws("stepfunctions").describe_execution(executionArn=f"{arn}:{generation_id}")
            return found if found["status"] != "RUNNING" else None

        return eventually(look)

    def history(self, execution_arn: str) -> list[dict[str, Any]]:
        """Return all events of an execution."""
        pages = self.aws("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=execution_arn)
        return [event for page in pages for event in page["events"]]

    def noted(self, kind: str) -> list[str]:
        """Return what the sandbox's function has kept of this kind, oldest first."""
        pages = (
            self.aws("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.outputs["SandboxTableName"],
                KeyConditionExpression="#kind = :kind",
                ExpressionAttributeNames={"#kind": KEY},
                ExpressionAttributeValues={":kind": {"S": kind}},
                ConsistentRead=True,
            )
        )
        return [f"{item[SORT]['S']} {item['text']['S']}" for page in pages for item in page["Items"]]

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run the command line as the operator, and return its output. `codes` are the expected exit codes."""
        environment = {
            **os.environ,
            "PROMPTREEL_STAGE": "sandbox",
            "PROMPTREEL_URL": self.url,
            "PROMPTREEL_API_KEY": self.key,
            "AWS_REGION": self.region,
        }
        command = [sys.executable, "-m", "promptreel", *arguments]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert ended.returncode in codes, ended.stderr
        return ended.stdout


def find() -> Sandbox:
    """Return the sandbox in the account of the shell's credentials. End the run if it does not exist."""
    # boto3 reads only AWS_DEFAULT_REGION; `cdk` prefers AWS_REGION.
    cloudformation = boto3.client("cloudformation", region_name=os.environ.get("AWS_REGION"))
    try:
        stack = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    except cloudformation.exceptions.ClientError as error:
        raise SystemExit(f"The sandbox was not found ({error}). Deploy it with make sandbox.") from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return Sandbox(outputs, cloudformation.meta.region_name, os.environ.get("AWS_ENDPOINT_URL"))


def eventually(look: Callable[[], T | None], patience: float = PATIENCE_SECONDS) -> T:
    """Poll until `look` returns something, for at most `patience` seconds, and return that."""
    began = time.monotonic()
    while time.monotonic() - began < patience:
        if (found := look()) is not None:
            return found
        time.sleep(1)
    raise AssertionError(f"not within {patience:.0f} s")


def unique(text: str) -> str:
    """Return a prompt that no other test uses."""
    return f"{text} {uuid4().hex[:8]}"


def lines(*rows: dict[str, Any]) -> str:
    """Return a JSONL file."""
    return "".join(json.dumps(row) + "\n" for row in rows)
