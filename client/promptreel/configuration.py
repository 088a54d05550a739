"""Where the API is and with which key: from flags, the environment, the configuration file or the local cloud.

Each setting comes from the first of flags, PROMPTREEL_URL, PROMPTREEL_API_KEY and PROMPTREEL_STAGE, and
~/.config/promptreel/config.toml (`url`, `api_key`, `stage`). The stage `local` replaces them all by the local cloud
that runs in this checkout.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from promptreel.errors import ConfigurationError

STACK_FILE = Path(".local/stack.json")
DEFAULT_STAGE = "dev"
LOCAL = "local"
SETTINGS = {"url", "api_key", "stage"}


@dataclass(frozen=True)
class LocalAws:
    """The AWS of a local cloud; it takes any credentials."""

    endpoint_url: str
    region: str


@dataclass(frozen=True)
class Configuration:
    """What was found; `warning` is a sentence for the user, if there is a reason for one."""

    url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    stage: str = DEFAULT_STAGE
    local_aws: LocalAws | None = None
    warning: str | None = None

    def required_url(self) -> str:
        """The URL; `ConfigurationError` if none was found."""
        if not self.url:
            raise ConfigurationError(
                "The URL of your Promptreel API is not configured: set PROMPTREEL_URL, or use the stage `local` "
                "(promptreel --local) where a local cloud runs."
            )
        return self.url

    def required_api_key(self) -> str:
        """The key; `ConfigurationError` if none was found."""
        if not self.api_key:
            raise ConfigurationError(
                "No API key is configured: set PROMPTREEL_API_KEY to the one you were given; who runs the deployment "
                "makes one with `promptreel keys create`."
            )
        return self.api_key


def load(
    *, url: str | None = None, stage: str | None = None, local: bool = False, environ: Mapping[str, str] = os.environ
) -> Configuration:
    """The configuration; the arguments are the flags. Raises `ConfigurationError` for a file that cannot be used."""
    path = file(environ)
    stored = _read(path)
    local = local or bool(environ.get("PROMPTREEL_LOCAL") and not (url or stage))
    stage = stage or environ.get("PROMPTREEL_STAGE") or stored.get("stage") or DEFAULT_STAGE
    if local or stage == LOCAL:
        return _local_cloud(environ.get("PROMPTREEL_LOCAL", ""))
    return Configuration(
        url=url or environ.get("PROMPTREEL_URL") or stored.get("url"),
        api_key=environ.get("PROMPTREEL_API_KEY") or stored.get("api_key"),
        stage=stage,
        warning=_warning(path) if "api_key" in stored else None,
    )


def file(environ: Mapping[str, str]) -> Path:
    """Where the configuration file is, if there is one."""
    home = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or Path.home()) / ".config"
    return Path(home) / "promptreel" / "config.toml"


def _read(path: Path) -> dict[str, str]:
    try:
        stored = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    for name, value in stored.items():
        if name not in SETTINGS or not isinstance(value, str):
            raise ConfigurationError(f"{path} holds {name!r}: only url, api_key and stage, as text, belong there.")
    return stored


def _warning(path: Path) -> str | None:
    if os.name == "posix" and path.stat().st_mode & 0o077:
        return f"Others can read your API key in {path}: close it with chmod 600."
    return None


def _local_cloud(named: str) -> Configuration:
    """The local cloud whose stack.json is `named`, or the nearest upward from the working directory."""
    here = Path.cwd()
    candidates = [Path(named)] if named not in ("", "1") else [folder / STACK_FILE for folder in (here, *here.parents)]
    for path in candidates:
        try:
            stack = json.loads(path.read_text("utf-8"))
            return Configuration(
                url=stack["api_url"],
                api_key=stack["api_key"],
                stage=LOCAL,
                local_aws=LocalAws(stack["aws_endpoint_url"], stack["region"]),
            )
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError) as error:
            raise ConfigurationError(f"{path} cannot be read ({error}): make up writes it anew.") from error
    raise ConfigurationError("No local cloud runs here: start one with `make up` in a checkout of Promptreel.")
