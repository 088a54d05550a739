"""What the user can set, where a checkout keeps its state, and an environment free of the user's own AWS."""

import os
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

REGION = "us-east-1"
ACCOUNT = "000000000000"
LOOPBACK = "127.0.0.1"
AIML_API = "https://api.aimlapi.com"


class LocalCloudError(Exception):
    """Something the user can act on; `str()` is one sentence with what happened and what to do."""


@dataclass(frozen=True)
class Checkout:
    """The paths of one checkout. All state lives under `state`, so two checkouts never meet."""

    root: Path
    name: str = ".local"  # the tests have a cloud of their own in another folder

    @property
    def state(self) -> Path:
        return self.root / self.name

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def data(self) -> Path:
        """What the local cloud holds, over its stops and starts: videos, records, running jobs, its key and ports."""
        return self.state / "data"

    def make_state(self) -> None:
        """Create the state directory, closed to other users: it holds keys."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.data.mkdir(exist_ok=True)

    def tool(self, path: str) -> Path:
        """The executable at `path` below the root, as `make` installs it; raises where it is missing."""
        tool = self.root / path
        if not os.access(tool, os.X_OK):
            raise LocalCloudError(f"{path} is missing: run make again, it installs what a checkout needs.")
        return tool


@dataclass(frozen=True)
class Settings:
    """What the environment asks for; a port of None is any free one."""

    aws_port: int | None = None
    provider_port: int | None = None
    provider_url: str | None = None
    provider_key: str | None = None
    wait_scale: str | None = None
    is_strict: bool = False  # the local AWS asks whether the caller may, and takes nothing but TLS, as AWS does
    functions_see: Mapping[str, str] = field(default_factory=dict)  # more environment, and the local AWS sees it, too

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings":
        """Read AWS_PORT, PROVIDER_PORT, PROVIDER_URL, AIMLAPI_KEY, SFN_WAIT_SCALE; empty counts as not set.

        A key without a URL means the real provider; neither means the simulator.
        """
        url, key = environ.get("PROVIDER_URL"), environ.get("AIMLAPI_KEY")
        if url and not url.startswith(("http://", "https://")):
            raise LocalCloudError(f"PROVIDER_URL={url} is no address: it starts with http:// or https://.")
        return cls(
            aws_port=_port(environ, "AWS_PORT"),
            provider_port=_port(environ, "PROVIDER_PORT"),
            provider_url=url.rstrip("/") if url else AIML_API if key else None,
            provider_key=key or None,
            wait_scale=environ.get("SFN_WAIT_SCALE") or None,
        )


def _port(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name)
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**16:
        raise LocalCloudError(f"{name}={text} is no port: set it to a number from 1 to 65535, or not at all.")
    return int(text)


def isolate(environ: MutableMapping[str, str]) -> None:
    """Make `environ` blind to the user's AWS account, proxies for this machine, and the provider's key.

    What is started from here, boto3 in this process included, can then reach nothing but the local AWS.
    """
    for name in list(environ):
        if name.startswith("AWS_"):
            del environ[name]
    environ.pop("AIMLAPI_KEY", None)
    environ.update(
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - what the local AWS takes; it is no secret
        AWS_REGION=REGION,
        AWS_DEFAULT_REGION=REGION,
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
    )
    for name in ("NO_PROXY", "no_proxy"):
        environ[name] = ",".join(filter(None, [environ.get(name), LOOPBACK, "localhost"]))


def say(line: str) -> None:
    """Write a line for the user, at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
