"""Use the deployed stack on a separate local cloud, independent of the one that `make up` runs."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import requests

from core.generation import Generation
from core.records.ledger import Ledger
from core.records.lists import Lists
from core.records.wanted import Wanted
from local.settings import Checkout
from local.simulator.control import SimulatorControl
from local.stack import Stack, client
from local.tls import TRUST
from promptreel.operator.keys import ApiKeys
from wiring import now

T = TypeVar("T")
CHECKOUT = Checkout(Path(__file__).parents[2], ".local/tests")  # settings of the cloud that the tests share
STACK_FILE = CHECKOUT.state / "stack.json"
Run = Callable[..., subprocess.CompletedProcess[str]]  # runs the command line, like the fixture `run`
PATIENCE_SECONDS = 120.0  # other tests and programs may keep the machine busy


@dataclass
class LocalCloud:
    """A client of everything that is deployed."""

    stack: Stack
    ministack_pid: int
    _messages: list[dict[str, Any]] = field(default_factory=list)
    _clients: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def simulator(self) -> SimulatorControl:
        return SimulatorControl(self.stack.provider_url)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.aws("dynamodb"), self.stack.table_name, now)

    def aws(self, service: str) -> Any:
        """Return a cached client of the local AWS, because making one takes longer than most of its calls."""
        if service not in self._clients:
            self._clients[service] = client(service, self.stack.aws_endpoint_url)
        return self._clients[service]

    @cached_property
    def _outputs(self) -> dict[str, str]:
        stack = self.aws("cloudformation").describe_stacks(StackName="promptreel-local")["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def queue_url(self, output: str) -> str:
        """Return the URL of a queue of the stack by the name of its output."""
        return self._outputs[output]

    def is_drained(self, output: str) -> bool:
        """Return whether the queue is empty and none of its messages is being processed."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        queue = {"QueueUrl": self.queue_url(output), "AttributeNames": names}
        counts = self.aws("sqs").get_queue_attributes(**queue)["Attributes"]
        return all(count == "0" for count in counts.values())

    def key_of(self, owner: str) -> str:
        """Return a new API key for an owner."""
        return self.keys_of(owner)[owner]

    def keys_of(self, *owners: str) -> dict[str, str]:
        """Return new keys for many owners. They work at once."""
        keys = ApiKeys(self.aws("secretsmanager"), self.stack.api_keys_secret_arn)
        return {owner: keys.create(owner)[0] for owner in owners}

    def environment(self, **variables: str) -> dict[str, str]:
        """Return the environment of a program that a test runs: what it needs to run, and the variables."""
        trusted = {name: os.environ[name] for name in TRUST if name in os.environ}
        return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **trusted, **variables}

    def call(self, method: str, path: str = "/v2/video/generations", **arguments: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.stack.api_key}", **arguments.pop("headers", {})}
        return requests.request(method, self.stack.api_url + path, headers=headers, timeout=120, **arguments)

    def invoke(self, function: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Invoke a function directly."""
        lambdas = self.aws("lambda")
        functions = lambdas.list_functions()["Functions"]
        name = next(f["FunctionName"] for f in functions if f["Handler"] == f"{function}.handler")
        answer = lambdas.invoke(FunctionName=name, Payload=json.dumps(payload))
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        return result

    def create(self, prompt: str, **fields: Any) -> str:
        """Send a prompt through the HTTP API and return the generation's id."""
        answer = self.call("POST", json={"model": "veo2", "prompt": prompt, **fields})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def ended(self, generation_id: str, patience: float = PATIENCE_SECONDS) -> Generation:
        """Return the generation once it has ended and its end was announced."""

        def look() -> Generation | None:
            generation = self.ledger.get(generation_id)
            return generation if generation.announced_at else None

        return eventually(look, patience)

    def execution(self, generation_id: str) -> dict[str, Any]:
        """Return the generation's execution once it has ended, including its output."""
        arn = self.stack.video_generation_state_machine_arn.replace(":stateMachine:", ":execution:")
        stepfunctions = self.aws("stepfunctions")

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = stepfunctions.describe_execution(executionArn=f"{arn}:{generation_id}")
            return found if found["status"] != "RUNNING" else None

        return eventually(look)

    def announcements(self, which: str, name: str = "generation_id") -> list[dict[str, Any]]:
        """Return everything published over SNS so far about this generation, or about a batch if `name` is given."""
        sqs, url = self.aws("sqs"), self.stack.queue_url
        while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in batch:
                self._messages.append(json.loads(json.loads(message["Body"])["Message"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [message for message in self._messages if message.get(name) == which]

    def of_owner(self, ref: str, owner: str = "demo") -> Generation:
        """Return the generation from this source once it has ended and was announced."""

        return eventually(lambda: next((g for g in self.listed(owner) if g.source.ref == ref and g.announced_at), None))

    def listed(self, owner: str = "demo") -> Iterator[Generation]:
        """Return all generations of an owner, newest first."""
        cursor: str | None = None
        while True:
            found, cursor = Lists(self.ledger).page(owner, Wanted(), 100, cursor)
            yield from found
            if cursor is None:
                return

    def drop(self, key: str, body: str | bytes, **metadata: str) -> str:
        """Put a file into the prompts bucket and return its address."""
        data = body.encode() if isinstance(body, str) else body
        self.aws("s3").put_object(Bucket=self.stack.prompts_bucket, Key=key, Body=data, Metadata=metadata)
        return f"s3://{self.stack.prompts_bucket}/{key}"

    def archived(self, generation_id: str) -> list[str]:
        """Return the keys under this generation's prefix in the videos bucket."""
        listed = self.aws("s3").list_objects_v2(Bucket=self.stack.videos_bucket, Prefix=f"videos/{generation_id}/")
        return [item["Key"].rpartition("/")[2] for item in listed.get("Contents", [])]

    def creates(self, prompt: str) -> int:
        """Return how many create calls with this prompt the provider received, whatever it answered."""
        return sum(call.method == "POST" and call.prompt == prompt for call in self.simulator.calls())


def eventually(look: Callable[[], T | None], patience: float = PATIENCE_SECONDS) -> T:
    """Poll until `look` returns something, for at most `patience` seconds, and return that."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < patience:
        if (found := look()) is not None:
            return found
        # Poll with growing pauses: all tests share one ministack, and polling takes time away from the jobs.
        time.sleep(min(1.0, max(0.1, waited / 10)))
    raise AssertionError(f"not within {patience:.0f} s")


def unique(text: str) -> str:
    """Return a prompt that no other test uses, because the simulator's scripts and counts are keyed by prompt."""
    return f"{text} {uuid4().hex[:8]}"
