"""Upload the local files that a request names, and replace their names with references.

References depend only on the content, so the same file always gives the same request.
"""

import codecs
import csv
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests

from promptreel._http import TIMEOUT_SECONDS, Http
from promptreel._tables import Table, fold
from promptreel.errors import ConnectionFailed, PromptreelError
from promptreel.generation import ID_DIGITS, Generation

UPLOADS = "/v2/uploads"
AT_ONCE = 4  # uploads
MAX_FILE_BYTES = 64 << 20  # larger files of requests are not searched for local files
TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "heic": "image/heic",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
}
_MEDIA = re.compile(rf"(?![a-z][a-z0-9+.-]*://|data:|row:)[^\n\r\0]+\.({'|'.join(TYPES)})", re.IGNORECASE)
_WORDS = {
    "prompt",
    "negative_prompt",
    "model",
    "id",
    "name",
    "tags",
    "webhook",
    "webhook_events",
}  # these fields never name files


class Uploads:
    """The local files that a request or a file of requests names. `send` uploads them."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._found: dict[Path, str] = {}  # files and their SHA-256

    def reference(self, path: Path) -> str:
        """Return the reference to use for a file in a request. Raise OSError if the file cannot be read."""
        whole = path.resolve()
        if whole not in self._found:
            content_type(whole)
            with whole.open("rb") as file:
                self._found[whole] = hashlib.file_digest(file, "sha256").hexdigest()
        reference = f"upload:{self._found[whole][:ID_DIGITS]}"
        self._http.files[reference] = str(path)
        return reference

    def send(self) -> None:
        """Upload the files, even if they were uploaded before. Raise `ApiError` or `ConnectionFailed`."""
        if not self._found:
            return
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - most calls upload nothing

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._send, self._found))

    def _send(self, path: Path) -> None:
        asked = {"content_type": content_type(path), "sha256": self._found[path]}
        form = self._http.call("POST", UPLOADS, body=asked)["upload"]
        if path.stat().st_size > form["max_bytes"]:
            raise PromptreelError(f"{path} is too large: the limit is {form['max_bytes']} bytes.")
        send_form(form, path)


def send_form(form: Mapping[str, Any], path: Path) -> None:
    """Upload a file with a form from the API. Raise `ConnectionFailed` if that fails."""
    with path.open("rb") as body:
        try:
            sent = requests.post(
                form["url"],
                data=form["fields"],
                files={"file": body},
                timeout=TIMEOUT_SECONDS,
                auth=lambda request: request,  # or requests would send credentials from ~/.netrc
            )
        except requests.RequestException as error:
            raise ConnectionFailed(f"{path} could not be uploaded: try again.") from error
    if not sent.ok:
        raise ConnectionFailed(f"{path} could not be uploaded (HTTP {sent.status_code}): try again.")


def content_type(path: Path) -> str:
    """Return the content type for a file's name. Raise `PromptreelError` for a type that no model accepts."""
    found = TYPES.get(path.suffix[1:].lower())
    if found is None:
        raise PromptreelError(f"{path} is not an image, audio or video file: the name must end in {', '.join(TYPES)}.")
    return found


def referenced(value: Any, uploads: Uploads, whole_id: Callable[[str], str]) -> Any:
    """Replace paths and generations in the parameters with references. `whole_id` completes the beginning of an id."""
    match value:
        case Path():
            return uploads.reference(value)
        case Generation():
            return f"generation:{value.id}"
        case str() if found := re.fullmatch("generation:([0-9a-f]{1,31})", value):
            return f"generation:{whole_id(found[1])}"
        case list() | tuple():
            return [referenced(one, uploads, whole_id) for one in value]
        case dict():
            return {name: referenced(one, uploads, whole_id) for name, one in value.items()}
    return value


def with_paths(value: Any, folder: Path = Path()) -> Any:
    """Replace strings that name local image, audio or video files with paths.

    Raise FileNotFoundError if a file does not exist, because no parameter accepts such a string.
    """
    match value:
        case str() if _MEDIA.fullmatch(value.strip()):
            path = folder / Path(value.strip()).expanduser()
            if not os.path.isfile(path):  # False also for a name that is too long, in every Python version
                raise FileNotFoundError(f"The request names {path}, but there is no such file.")
            return path
        case list():
            return [with_paths(one, folder) for one in value]
        case dict():
            return {name: one if _is_word(name) else with_paths(one, folder) for name, one in value.items()}
    return value


def _is_word(name: str) -> bool:
    """Return whether a field of this name never names a file."""
    return name in _WORDS or name.startswith("_")


def as_utf8(path: Path, encoding: str) -> bytes:
    """Return the content of a file in UTF-8. Raise `PromptreelError` if it is not text in this encoding."""
    try:
        return path.read_bytes().decode(encoding).encode()
    except (UnicodeDecodeError, LookupError):
        raise PromptreelError(f"{path} is not text in the encoding {encoding}: name the one it was saved in.") from None


def with_references(path: Path, uploads: Uploads, encoding: str | None = None) -> bytes | None:
    """Return the content of a file of requests with references for the local files it names, relative to its folder.

    With an encoding, the content is always returned, in UTF-8. Otherwise return None if it names no files, is too large
    to search, or cannot be parsed; the API reports parse errors.
    """
    recoded = as_utf8(path, encoding) if encoding else None
    if path.stat().st_size > MAX_FILE_BYTES:
        return recoded
    return _with_references(path, path.read_bytes() if recoded is None else recoded, uploads) or recoded


def _with_references(path: Path, data: bytes, uploads: Uploads) -> bytes | None:
    try:
        text = data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError:
        return None

    def change(request: Any) -> Any:
        return referenced(with_paths(request, path.parent), uploads, lambda beginning: beginning)

    try:
        match path.suffix.lower():
            case ".jsonl":
                changed = "\n".join(_line(line, change) for line in text.split("\n"))
            case ".json":
                asked = json.loads(text)
                made = change(asked)
                changed = text if made == asked else json.dumps(made, ensure_ascii=False)
            case ".csv" | ".tsv":
                changed = _table(text, change)
            case _:
                return None
    except (ValueError, RecursionError, csv.Error):
        return None
    return None if changed == text else changed.encode()


def _line(line: str, change: Callable[[Any], Any]) -> str:
    try:
        asked = json.loads(line) if line.strip() else None
    except ValueError:
        return line
    made = change(asked)
    return line if made == asked else json.dumps(made, ensure_ascii=False)


def _table(text: str, change: Callable[[Any], Any]) -> str:
    table = Table.of(text)
    if table is None:
        return text
    names = list(map(fold, table.names))
    made = [(line, _cells(cells, names, change)) for line, cells in table.rows]
    return text if made == table.rows else replace(table, rows=made).text()


def _cells(cells: list[str], names: list[str], change: Callable[[Any], Any]) -> list[str]:
    return [
        cell if _is_word(name) else _cell(cell, change)
        for name, cell in zip(names + [""] * len(cells), cells, strict=False)
    ]


def _cell(cell: str, change: Callable[[Any], Any]) -> str:
    if not cell.strip().startswith(("[", "{")):
        return str(change(cell))
    try:
        asked = json.loads(cell)
    except ValueError:
        return cell
    made = change(asked)
    return cell if made == asked else json.dumps(made)
