"""Prompt files: the requests in a `.txt`, `.json`, `.jsonl` or `.csv`, one after another, with what is wrong with each.

A file is read as a stream of bytes and never held whole, but for `.txt` and `.json`, which have a limit. Reading does
not stop at a bad row: the row says its problem, and the next one is read.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any, cast

from core.errors import InvalidFile, InvalidRequest
from core.models import Models
from core.models.validation import parse_json, validate

SUFFIXES = (".txt", ".json", ".jsonl", ".csv")
MAX_WHOLE_BYTES = 5 << 20  # of a .txt or .json: a larger one is a .jsonl
MAX_LINE_BYTES = 256 << 10  # of a .jsonl, as the HTTP API's body


@dataclass(frozen=True)
class Row:
    """One request of a file: `number` counts from 1, `line` is where it begins; one of the others is None."""

    number: int
    line: int
    request: dict[str, Any] | None
    problem: str | None


def is_batch(name: str, stream: IO[bytes]) -> bool:
    """Whether the file holds many requests rather than one; `stream` is at its beginning, then and now."""
    suffix = _suffix(name)
    if suffix != ".json":
        return suffix in (".jsonl", ".csv")
    found = stream.read(len(codecs.BOM_UTF8)).removeprefix(codecs.BOM_UTF8).lstrip()
    while not found and (chunk := stream.read(MAX_LINE_BYTES)):
        found = chunk.lstrip()
    stream.seek(0)
    return found.startswith(b"[")


def read(name: str, stream: IO[bytes], models: Models, default_model: str) -> Iterator[Row]:
    """Every request of the file, validated; `InvalidFile` if the file as a whole cannot be read, at any point."""
    try:
        for number, (line, found) in enumerate(_READERS[_suffix(name)](stream), start=1):
            yield _validated(number, line, found, models, default_model)
    except UnicodeDecodeError as error:
        raise InvalidFile("The file is not UTF-8 text.") from error
    except csv.Error as error:
        raise InvalidFile(f"The file is not a CSV that can be read: {error}.") from error


def _suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidFile(f"The file's name must end in {', '.join(SUFFIXES)}.")
    return suffix


def _validated(number: int, line: int, found: object, models: Models, default_model: str) -> Row:
    if isinstance(found, Exception):
        return Row(number, line, None, str(found))
    if isinstance(found, _Cells):
        found = found.request(models, default_model)
    elif isinstance(found, dict):
        found = {"model": default_model, **found}
    try:
        request = validate(found, models)
    except InvalidRequest as error:
        return Row(number, line, None, str(error))
    return Row(number, line, request, None)


def _read_text(stream: IO[bytes]) -> Iterator[tuple[int, object]]:
    prompt = _whole(stream).strip()
    if not prompt:
        raise InvalidFile("The file is empty: it should hold the prompt.")
    yield 1, {"prompt": prompt}


def _read_json(stream: IO[bytes]) -> Iterator[tuple[int, object]]:
    try:
        body = parse_json(_whole(stream))
    except (ValueError, RecursionError) as error:
        raise InvalidFile(f"The file is not valid JSON: {error}.") from error
    if body == []:
        raise InvalidFile("The file is an empty list: it should hold requests.")
    yield from ((1, item) for item in (body if isinstance(body, list) else [body]))


def _read_jsonl(stream: IO[bytes]) -> Iterator[tuple[int, object]]:
    is_empty, number = True, 0
    while data := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if number == 1:
            data = data.removeprefix(codecs.BOM_UTF8)
        if len(data) > MAX_LINE_BYTES:
            while len(data) > MAX_LINE_BYTES and not data.endswith(b"\n"):
                data = stream.readline(MAX_LINE_BYTES + 1)
            is_empty = False
            yield number, InvalidRequest(f"The line is too long: at most {MAX_LINE_BYTES} bytes are allowed.")
        elif text := data.strip():
            is_empty = False
            try:
                yield number, parse_json(text.decode("utf-8"))
            except (ValueError, RecursionError) as error:
                yield number, InvalidRequest(f"The line is not valid JSON: {error}.")
    if is_empty:
        raise InvalidFile("The file is empty: it should hold a request in JSON on each line.")


def _read_csv(stream: IO[bytes]) -> Iterator[tuple[int, object]]:
    csv.field_size_limit(MAX_LINE_BYTES)  # of the module, which knows no other: a prompt may be longer than its 128 KiB
    # Lines with their ends, as csv wants them. A byte-order mark is not part of the first name.
    text = io.TextIOWrapper(cast("Any", stream), encoding="utf-8-sig", newline="")
    try:
        yield from _read_table(csv.reader(text, strict=True))
    finally:
        text.detach()  # the stream is not ours to close


def _read_table(lines: Any) -> Iterator[tuple[int, object]]:
    header = [name.strip() for name in next(lines, [])]
    if not {"prompt", "model"} & set(header):
        raise InvalidFile("The file's first line must name the columns, `prompt` or `model` among them.")
    if len(set(header)) < len(header):
        raise InvalidFile("The file's first line names a column twice.")
    is_empty, line = True, lines.line_num + 1
    for cells in lines:
        if any(cell.strip() for cell in cells):
            is_empty = False
            if len(cells) > len(header):
                yield (
                    line,
                    InvalidRequest(f"The row has {len(cells)} cells, the header {len(header)}: quote commas."),
                )
            else:
                yield line, _Cells(dict(zip(header, cells, strict=False)))
        line = lines.line_num + 1
    if is_empty:
        raise InvalidFile("The file has a header and no rows.")


class _Cells(dict[str, str]):
    """A CSV row: text that the model's schema gives types; a blank cell is a field that is not there."""

    def request(self, models: Models, default_model: str) -> dict[str, Any]:
        filled = {name: text for name, text in self.items() if text.strip()}
        filled.setdefault("model", default_model)
        model = models.get(filled["model"])
        properties = cast("dict[str, Any]", ((model and model.schema) or {}).get("properties", {}))
        return {name: _typed(text, properties.get(name, {})) for name, text in filled.items()}


def _typed(text: str, schema: dict[str, Any]) -> object:
    """The cell as the schema wants it, where that is exact; else the text, which the schema then refuses."""
    if schema.get("type") == "string":
        return text
    try:
        value = parse_json(text.strip().lower() if text.strip().lower() in ("true", "false") else text)
    except (ValueError, RecursionError):
        return text.strip()
    allowed = schema.get("enum", [])
    return text.strip() if text.strip() in allowed and value not in allowed else value


def _whole(stream: IO[bytes]) -> str:
    data = stream.read(MAX_WHOLE_BYTES + 1)
    if len(data) > MAX_WHOLE_BYTES:
        raise InvalidFile(f"The file is larger than {MAX_WHOLE_BYTES} bytes: write it as .jsonl, a request a line.")
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")


_READERS = {".txt": _read_text, ".json": _read_json, ".jsonl": _read_jsonl, ".csv": _read_csv}
