"""The endpoints of the running local cloud, as `.local/stack.json` tells them to demo, tests and users."""

import json
from dataclasses import asdict, dataclass
from typing import Any

import boto3

from local.services import write_private
from local.settings import Checkout


@dataclass(frozen=True)
class Stack:
    """What stack.json holds; `api_key` is the key of the owner "demo"."""

    api_url: str
    api_key: str
    aws_endpoint_url: str
    provider_url: str
    region: str
    prompts_bucket: str
    videos_bucket: str
    topic_arn: str
    bus_name: str
    table_name: str
    slots_table_name: str
    money_table_name: str
    video_generation_state_machine_arn: str
    prompt_batch_state_machine_arn: str
    queue_url: str
    provider_key_secret_arn: str
    api_keys_secret_arn: str

    @property
    def console_link(self) -> str:
        """Opens the console, signed in: what follows the `#` is sent nowhere, and the page removes it at once."""
        return f"{self.api_url}/#key={self.api_key}"

    def save(self, checkout: Checkout) -> None:
        """Write stack.json, and curl.conf beside it so that the key need not stand in a command line."""
        write_private(checkout.state / "stack.json", json.dumps(asdict(self), indent=2) + "\n")
        write_private(
            checkout.state / "curl.conf",
            f'header = "Authorization: Bearer {self.api_key}"\nheader = "Content-Type: application/json"\n',
        )

    @classmethod
    def load(cls, checkout: Checkout) -> "Stack | None":
        """The stack `save` wrote, or None if there is none that this version can read."""
        try:
            return cls(**json.loads((checkout.state / "stack.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    @staticmethod
    def forget(checkout: Checkout) -> None:
        """Remove what `save` wrote: it describes a cloud that is gone."""
        for name in ("stack.json", "curl.conf"):
            (checkout.state / name).unlink(missing_ok=True)


def client(service: str, endpoint_url: str) -> Any:
    """A boto3 client for the local AWS; region and credentials come from the environment `isolate` made."""
    return boto3.client(service, endpoint_url=endpoint_url)  # type: ignore[call-overload]  # the name is not literal
