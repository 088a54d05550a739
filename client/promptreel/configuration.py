"""Find the API's URL and key in flags, the environment, the configuration file or the local cloud.

Flags take precedence over PROMPTREEL_URL, PROMPTREEL_API_KEY and PROMPTREEL_STAGE, and these over
~/.config/promptreel/config.toml (`url`, `api_key`, `stage`). The stage of a project comes between the two. The stage
`local` uses only the settings of a checkout's local cloud.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from promptreel.errors import ConfigurationError
from promptreel.project import LOCAL, Project

STACK_FILE = Path(".local/stack.json")
DEFAULT_STAGE = "dev"
SETTINGS = {"url", "api_key", "stage"}


@dataclass(frozen=True)
class LocalAws:
    """The AWS emulation of a local cloud. It accepts any credentials."""

    endpoint_url: str
    region: str


@dataclass(frozen=True)
class Configuration:
    """The settings found. `warning` is a sentence for the user, or None."""

    url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    stage: str = DEFAULT_STAGE
    local_aws: LocalAws | None = None
    warning: str | None = None
    project: Project | None = None
    is_stage_of_project: bool = False

    def required_url(self) -> str:
        """Return the URL. Raise `ConfigurationError` if it is not configured."""
        if not self.url:
            raise ConfigurationError(
                "The URL of your Promptreel API is not configured: set PROMPTREEL_URL, as `make up` and `make deploy` "
                "print it."
            )
        return self.url

    def required_api_key(self) -> str:
        """Return the API key. Raise `ConfigurationError` if it is not configured."""
        if not self.api_key:
            raise ConfigurationError(
                "No API key is configured: set PROMPTREEL_API_KEY to your key. An operator can create one with "
                "`promptreel keys create`."
            )
        return self.api_key


def load(
    *,
    url: str | None = None,
    stage: str | None = None,
    local: bool = False,
    project: Project | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Configuration:
    """Return the configuration. The arguments are the flags, and the project of the command line's folder.

    Raise `ConfigurationError` if a file is invalid.
    """
    path = file(environ)
    stored = _read(path)
    local = local or bool(environ.get("PROMPTREEL_LOCAL") and not (url or stage))
    of_project, named = project.stage if project else None, stage or environ.get("PROMPTREEL_STAGE")
    stage = named or of_project or stored.get("stage") or DEFAULT_STAGE
    if local or stage == LOCAL:
        return replace(_local_cloud(environ.get("PROMPTREEL_LOCAL", "")), project=project)
    return Configuration(
        url=url or environ.get("PROMPTREEL_URL") or stored.get("url"),
        api_key=environ.get("PROMPTREEL_API_KEY") or stored.get("api_key"),
        stage=stage,
        warning=_warning(path) if "api_key" in stored else None,
        project=project,
        is_stage_of_project=bool(of_project and not named),
    )


def file(environ: Mapping[str, str]) -> Path:
    """Return the path of the configuration file, which may not exist."""
    home = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or Path.home()) / ".config"
    return Path(home) / "promptreel" / "config.toml"


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    import tomllib  # noqa: PLC0415 - only if there is a file

    try:
        stored = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    for name, value in stored.items():
        if name not in SETTINGS or not isinstance(value, str):
            raise ConfigurationError(
                f"{path} has an invalid setting {name!r}: it may contain only url, api_key and stage, as text."
            )
    return stored


def _warning(path: Path) -> str | None:
    if os.name == "posix" and path.stat().st_mode & 0o077:
        return f"Other users can read your API key in {path}: protect it with chmod 600."
    return None


def _installed_from() -> Iterator[Path]:
    """Yield the checkout that this package was installed from, if pip recorded it (PEP 610)."""
    from importlib import metadata  # noqa: PLC0415 - slow to import

    origin = json.loads(metadata.distribution("promptreel").read_text("direct_url.json") or "{}")
    url = urlsplit(str(origin.get("url", "")))
    if url.scheme == "file":
        yield Path(unquote(url.path))


def _local_cloud(named: str) -> Configuration:
    """Return the settings of a local cloud: from the file `named`, or from the nearest stack.json.

    That is the one in this folder, in a parent folder, or in the checkout that the command was installed from.
    """
    here = Path.cwd()
    folders = [here, *here.parents, *_installed_from()]
    candidates = [Path(named)] if named not in ("", "1") else [folder / STACK_FILE for folder in folders]
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
            raise ConfigurationError(f"{path} cannot be read ({error}): run make up to write it again.") from error
    raise ConfigurationError(
        "No local cloud is running: start one with `make up` in a checkout of Promptreel, or set PROMPTREEL_LOCAL to "
        "the path of its .local/stack.json."
    )
