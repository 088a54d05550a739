"""Find the settings of a project: `promptreel.toml` in the working directory or in a folder above it.

A stranger may have written the file, because it is shared with a repository. It therefore cannot contain a URL or a
key, its output folder must be inside its own folder, and nothing in it is run.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from promptreel._text import UNPRINTABLE
from promptreel.errors import ConfigurationError

FILE = "promptreel.toml"
SETTINGS = ("tags", "model", "output", "stage")
MAX_BYTES = 64 << 10
LOCAL = "local"
_SECRET = re.compile("url|key|secret|token|password|credential|endpoint|host", re.IGNORECASE)
_API_KEY = re.compile(r"pr_[0-9a-f]{8}_|https?://", re.IGNORECASE)
_TAG = re.compile(r"[^\s,;=][^,;=]*(=[^,;=]+)?")


@dataclass(frozen=True)
class Project:
    """The settings of a project, and their file."""

    file: Path
    tags: tuple[str, ...] = ()
    model: str | None = None
    output: Path | None = None  # an absolute path inside the file's folder; it may not exist
    stage: str | None = None

    def tagged(self, tags: list[str]) -> list[str]:
        """Return these tags, and the project's own tags whose keys they do not have."""
        given = {tag.strip().partition("=")[0] for text in tags for tag in re.split("[,;]", text)}
        return [*tags, *(tag for tag in self.tags if tag.partition("=")[0] not in given)]


def find(environ: Mapping[str, str] = os.environ) -> Project | None:
    """Return the project of the working directory, or None. Raise `ConfigurationError` if its file is invalid.

    Like git, search the working directory and the folders above it, up to the home folder or the root of the
    file system, which are not searched themselves.
    """
    for folder in _folders(environ):
        path = folder / FILE
        if path.is_file():
            return _read(path)
    return None


def _folders(environ: Mapping[str, str]) -> Iterator[Path]:
    try:
        here, home = Path.cwd(), Path(environ.get("HOME") or Path.home()).resolve()
        device = here.stat().st_dev
        for folder in (here, *here.parents):
            if folder in (home, folder.parent) or folder.stat().st_dev != device:
                return
            yield folder
    except (OSError, RuntimeError):  # without a home or a working directory
        return


def _read(path: Path) -> Project:
    import tomllib  # noqa: PLC0415 - only if there is a file

    try:
        with path.open("rb") as file:
            if not _is_trusted(os.fstat(file.fileno()).st_uid):
                raise ConfigurationError(
                    f"{path} belongs to another user, so it is not safe to use: change its owner, or work in another "
                    "folder."
                )
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigurationError(f"{path} is larger than {MAX_BYTES >> 10} KiB.")
        stored = tomllib.loads(content.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    return _checked(path, stored)


def _is_trusted(owner: int) -> bool:
    return os.name != "posix" or owner in (os.geteuid(), 0)


def _checked(path: Path, stored: dict[str, Any]) -> Project:
    """Return the settings of a file. Errors never show its values, because one may be a key."""
    for name, value in stored.items():
        if name not in SETTINGS:
            if _SECRET.search(name):
                raise ConfigurationError(
                    f"{path} must not contain {name!r}, because a project's file is shared: set the URL and the key in "
                    "PROMPTREEL_URL and PROMPTREEL_API_KEY, or in ~/.config/promptreel/config.toml."
                )
            raise ConfigurationError(
                f"{path} has the unknown setting {name!r}: it may contain only {', '.join(SETTINGS)}."
            )
        texts = value if name == "tags" and isinstance(value, list) else [value]
        if not all(isinstance(text, str) and text.strip() and not UNPRINTABLE.search(text) for text in texts):
            form = 'a list of texts, such as ["project=boats"]' if name == "tags" else "one line of text"
            raise ConfigurationError(f"{path}: `{name}` must be {form}.")
        if any(_API_KEY.search(text) for text in texts):
            raise ConfigurationError(
                f"{path}: `{name}` contains an API key or a URL. Remove it; if it is a key, revoke it, because a "
                "project's file is shared."
            )
    return Project(
        path,
        tags=_tags(path, stored.get("tags", [])),
        model=stored.get("model"),
        output=_output(path, stored["output"]) if "output" in stored else None,
        stage=_stage(path, stored.get("stage")),
    )


def _tags(path: Path, tags: list[str] | str) -> tuple[str, ...]:
    found = [tags] if isinstance(tags, str) else tags
    if not all(_TAG.fullmatch(tag) for tag in found):
        raise ConfigurationError(f"{path}: each of `tags` must be KEY=VALUE or a word, without commas.")
    return tuple(found)


def _output(path: Path, text: str) -> Path:
    """Return the output folder. Follow links, which a repository can contain as well."""
    folder, parts = path.parent.resolve(), {*Path(text).parts, *PureWindowsPath(text).parts}
    output = (folder / text).resolve()
    is_absolute = Path(text).is_absolute() or PureWindowsPath(text).anchor
    if is_absolute or ".." in parts or not output.is_relative_to(folder):
        raise ConfigurationError(
            f'{path}: `output` must be a folder inside {folder}, such as "videos". For any other folder, use -o.'
        )
    return output


def _stage(path: Path, stage: str | None) -> str | None:
    """Return the stage. Reject `local`, because it reads a URL and a key from another file in the same folder."""
    if stage == LOCAL:
        raise ConfigurationError(f"{path}: `stage` must not be `local`. Use --local or PROMPTREEL_LOCAL=1 instead.")
    return stage
