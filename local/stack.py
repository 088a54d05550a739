"""Store the endpoints of the running local cloud in `.local/stack.json` for the demo, tests and users."""

import json
import shlex
from dataclasses import asdict, dataclass
from typing import Any

import boto3

from local.services import write_private
from local.settings import Checkout


@dataclass(frozen=True)
class Stack:
    """The content of stack.json. `api_key` is the key of the owner "demo"."""

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
        """Return a link that signs in to the console. Browsers do not send the part after `#`; the page removes it."""
        return f"{self.api_url}/#key={self.api_key}"

    def save(self, checkout: Checkout) -> None:
        """Write stack.json, curl.conf with the key, so that it does not have to be on a command line, and aws.env."""
        write_private(checkout.state / "stack.json", json.dumps(asdict(self), indent=2) + "\n")
        write_private(
            checkout.state / "curl.conf",
            f'header = "Authorization: Bearer {self.api_key}"\nheader = "Content-Type: application/json"\n',
        )

        variables = {
            "AWS_ENDPOINT_URL": self.aws_endpoint_url,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": "test",  # the local AWS accepts any
            "AWS_SECRET_ACCESS_KEY": "test",
            "BUCKET": self.prompts_bucket,
            "BUS": self.bus_name,
        }
        lines = (f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
        write_private(checkout.state / "aws.env", "".join(lines))

    @classmethod
    def load(cls, checkout: Checkout) -> "Stack | None":
        """Return the stack that `save` wrote, or None if it is missing or from another version."""
        try:
            return cls(**json.loads((checkout.state / "stack.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    @staticmethod
    def forget(checkout: Checkout) -> None:
        """Remove the files of `save`, because they describe a cloud that no longer runs."""
        for name in ("stack.json", "curl.conf", "aws.env"):
            (checkout.state / name).unlink(missing_ok=True)


def client(service: str, endpoint_url: str) -> Any:
    """Return a boto3 client for the local AWS, with the region and credentials that `isolate` has set."""
    return boto3.client(service, endpoint_url=endpoint_url)  # type: ignore[call-overload]  # the name is not literal
