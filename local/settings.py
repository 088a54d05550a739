"""Read the user's settings, define the paths of a checkout, and isolate the environment from the user's AWS account."""

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
    """An error that the user can fix. `str()` says what happened and what to do."""


@dataclass(frozen=True)
class Checkout:
    """The paths of one checkout. All state is in `state`, so two checkouts do not interfere."""

    root: Path
    name: str = ".local"  # tests use another folder for their own cloud

    @property
    def state(self) -> Path:
        return self.root / self.name

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def data(self) -> Path:
        """Return the folder of the data that survives restarts: videos, records, running jobs, key and ports."""
        return self.state / "data"

    def make_state(self) -> None:
        """Create the state directory. It contains keys, so other users cannot read it."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.data.mkdir(exist_ok=True)

    def tool(self, path: str) -> Path:
        """Return the executable at `path`, relative to the root. Raise LocalCloudError if it is missing."""
        tool = self.root / path
        if not os.access(tool, os.X_OK):
            raise LocalCloudError(f"{path} is missing. Run make again to install it.")
        return tool


@dataclass(frozen=True)
class Settings:
    """The settings from the environment. A port of None means any free port."""

    aws_port: int | None = None
    provider_port: int | None = None
    provider_url: str | None = None
    provider_key: str | None = None
    wait_scale: str | None = None
    is_strict: bool = False  # the local AWS checks permissions and requires TLS, as AWS does
    functions_see: Mapping[str, str] = field(default_factory=dict)  # more environment, also for the local AWS

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings":
        """Read AWS_PORT, PROVIDER_PORT, PROVIDER_URL, AIMLAPI_KEY and SFN_WAIT_SCALE. Empty values count as unset.

        A key without a URL selects the real provider. Without both, the simulator is used. Raise LocalCloudError if a
        value is not valid.
        """
        url, key = environ.get("PROVIDER_URL"), environ.get("AIMLAPI_KEY")
        if url and not url.startswith(("http://", "https://")):
            raise LocalCloudError(f"PROVIDER_URL={url} is not a URL. It must start with http:// or https://.")
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
        raise LocalCloudError(f"{name}={text} is not a port. Set it to a number from 1 to 65535, or do not set it.")
    return int(text)


def isolate(environ: MutableMapping[str, str]) -> None:
    """Remove the user's AWS account, proxies for this machine, and the provider's key from `environ`.

    Programs started from here, and boto3 in this process, can then use only the local AWS.
    """
    for name in list(environ):
        if name.startswith("AWS_"):
            del environ[name]
    environ.pop("AIMLAPI_KEY", None)
    environ.update(
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - the local AWS accepts any; not a secret
        AWS_REGION=REGION,
        AWS_DEFAULT_REGION=REGION,
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
    )
    for name in ("NO_PROXY", "no_proxy"):
        environ[name] = ",".join(filter(None, [environ.get(name), LOOPBACK, "localhost"]))


def say(line: str) -> None:
    """Print a line for the user without buffering."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
