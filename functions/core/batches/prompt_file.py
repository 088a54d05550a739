"""Read a prompt file (`.txt`, `.json`, `.jsonl`, `.csv` or `.tsv`) into rows, each with its request or its problem.

A file is read as a stream of bytes. Only `.txt` and `.json` files are read into memory, and have a limit. A row with a
problem does not stop the reading.
"""

import codecs
import csv
import io
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import IO, Any, cast

from core.batches.chains import SOME_GENERATION, Chains
from core.batches.columns import FOR_US, IGNORED, NOT_UTF8, Columns, fold
from core.errors import InvalidFile, InvalidRequest
from core.generation import NO_LABEL, Label, replaced
from core.inputs.references import named
from core.intake.labels import name_of, tags_of
from core.models import Input, Models
from core.models.validation import check, parse_json
from core.webhooks.asked import webhook_of

SUFFIXES = (".txt", ".json", ".jsonl", ".csv", ".tsv")
TABLES = (".csv", ".tsv")
WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers")
A_WORKBOOK = "The file is a workbook. Save its sheet as CSV UTF-8 (in Excel: File, Save As) and use that file."
MAX_WHOLE_BYTES = 5 << 20  # of a .txt or .json; a larger file must be a .jsonl
MAX_LINE_BYTES = 256 << 10  # of a .jsonl, the same as the body of an HTTP request
MAX_ROWS = 100_000  # of a file: the size that one batch and one report are designed for
_TIME_OF_DAY = re.compile(r"(\d{1,2}):(\d{1,2})(?::00)?(?:\s?([AP])M)?", re.ASCII | re.IGNORECASE)
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class FileRow:
    """A row that was read from a file."""

    number: int  # from 1
    line: int  # of the file, on which the row begins
    found: dict[str, Any] | None = None  # its request, valid or not; None if the row holds no request
    problem: str | None = None
    label: Label = NO_LABEL
    wrong: tuple[str, ...] = ()  # the fields that the problem concerns
    rows: Mapping[str, int] = field(default_factory=dict)  # whose videos it uses, by the references in its request
    uploads: tuple[str, ...] = ()  # that its request names
    unchecked: tuple[str, ...] = ()  # paths of the fields that its model's schema does not have

    @property
    def request(self) -> dict[str, Any] | None:
        """Return the valid request of the row, or None if it has a problem."""
        return None if self.problem else self.found


@dataclass(frozen=True)
class Rules:
    """What rows may contain."""

    local_webhooks: bool = False  # webhooks on this machine
    strict: bool = True  # only fields and models that are in the catalogue


STANDARD = Rules()


def is_batch(name: str, stream: IO[bytes]) -> bool:
    """Return whether the file holds many requests rather than one. `stream` is at its beginning before and after."""
    suffix = _suffix(name)
    if suffix != ".json":
        return suffix in (".jsonl", *TABLES)
    found = stream.read(len(codecs.BOM_UTF8)).removeprefix(codecs.BOM_UTF8).lstrip()
    while not found and (chunk := stream.read(MAX_LINE_BYTES)):
        found = chunk.lstrip()
    stream.seek(0)
    return found.startswith(b"[")


def read(
    name: str, stream: IO[bytes], models: Models, default_model: str, rules: Rules = STANDARD
) -> Iterator[FileRow]:
    """Yield every row of the file, validated. Raise `InvalidFile`, at any point, if the file cannot be read."""
    suffix = _suffix(name)
    rows = _read_table(stream, models if rules.strict else None) if suffix in TABLES else _READERS[suffix](stream)
    chains = Chains(is_batch(name, stream) if suffix == ".json" else suffix != ".txt")
    reading = _Reading(models, default_model, chains, rules)
    try:
        for number, (line, found) in enumerate(rows, start=1):
            if number > MAX_ROWS:
                raise InvalidFile(f"The file has more than {MAX_ROWS} rows: split it.")
            row = reading.row(number, line, found)
            chains.add(row.rows.values(), is_allowed=row.problem is None)
            yield row
    except UnicodeDecodeError as error:
        raise InvalidFile(NOT_UTF8) from error
    except csv.Error as error:
        raise InvalidFile(f"The file is not a valid CSV: {error}.") from error


def suffix_of(name: str) -> str:
    """Return the suffix of a file's name in small letters. pathlib's depends on the version of Python for `a.`."""
    return posixpath.splitext(name)[1].lower()


def _suffix(name: str) -> str:
    suffix = suffix_of(name)
    if suffix in WORKBOOKS:
        raise InvalidFile(A_WORKBOOK)
    if suffix not in SUFFIXES:
        raise InvalidFile(f"The file's name must end in {', '.join(SUFFIXES)}.")
    return suffix


@dataclass(frozen=True)
class _Reading:
    """Turns what is found in a file into rows."""

    models: Models
    default_model: str
    chains: Chains
    rules: Rules

    def row(self, number: int, line: int, found: object) -> FileRow:
        """Return the row that was found on a line, with its problem if it has one."""
        if isinstance(found, Exception):
            return FileRow(number, line, problem=str(found))
        if isinstance(found, _Cells):
            found = found.request(self.models, self.default_model)
        elif isinstance(found, dict):
            found = {"model": self.default_model, **found}
        label = NO_LABEL
        rows: dict[str, int] = {}
        try:
            if isinstance(found, dict):
                request = {key: value for key, value in found.items() if not key.startswith(IGNORED)}
                webhook, events = request.pop("webhook", None), request.pop("webhook_events", None)
                label = Label(name_of(request.pop("name", None)), tags_of(request.pop("tags", None)))
                self.chains.name(request.pop("id", None), number)
                found = request
                label = replace(label, webhook=webhook_of(webhook, events, local=self.rules.local_webhooks))
            fields = _inputs(found, self.models)
            rows = self.chains.named(found, fields, number) if isinstance(found, dict) else {}
            checked = replaced(found, dict.fromkeys(rows, SOME_GENERATION)) if rows else found
            unchecked = check(checked, self.models, strict=self.rules.strict).unchecked
        except InvalidRequest as error:
            wrong = tuple(dict.fromkeys(name for problem in error.problems for name in problem.fields))
            return FileRow(number, line, found if isinstance(found, dict) else None, str(error), label, wrong)
        request = cast("dict[str, Any]", found)
        uploads = tuple(one for _, one in named(request, fields) if one.startswith("upload:"))
        return FileRow(number, line, request, label=label, rows=rows, uploads=uploads, unchecked=unchecked)


def _inputs(found: object, models: Models) -> tuple[Input, ...]:
    model = models.get(found.get("model")) if isinstance(found, dict) else None
    return model.inputs if model else ()


def _read_text(stream: IO[bytes]) -> Iterator[tuple[int, object]]:
    prompt = _whole(stream).strip()
    if not prompt:
        raise InvalidFile("The file is empty: it must contain the prompt.")
    yield 1, {"prompt": prompt}


def _read_json(stream: IO[bytes]) -> Iterator[tuple[int, object]]:
    try:
        body = parse_json(_whole(stream))
    except UnicodeDecodeError:
        raise
    except ValueError as error:
        raise InvalidFile(f"The file is not valid JSON: {error}.") from error
    if body == []:
        raise InvalidFile("The file is an empty list: it must contain requests.")
    yield from ((1, item) for item in (body if isinstance(body, list) else [body]))


def _read_jsonl(stream: IO[bytes]) -> Iterator[tuple[int, object]]:
    is_empty, number = True, 0
    while data := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if number == 1:
            if data.startswith(UTF16):
                raise InvalidFile(NOT_UTF8)
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
            except ValueError as error:
                yield number, InvalidRequest(f"The line is not valid JSON: {error}.")
    if is_empty:
        raise InvalidFile("The file is empty: each line must be a request in JSON.")


def _read_table(stream: IO[bytes], models: Models | None) -> Iterator[tuple[int, object]]:
    csv.field_size_limit(MAX_LINE_BYTES)  # for the whole process; a prompt may be longer than the default of 128 KiB
    buffered = cast("Any", stream if hasattr(stream, "peek") else io.BufferedReader(cast("Any", stream)))
    # Without a byte order mark the encoding would be a guess, and a wrong guess costs money. Only UTF-8 is accepted.
    encoding = "utf-16" if buffered.peek(2)[:2] in UTF16 else "utf-8-sig"
    text = io.TextIOWrapper(buffered, encoding=encoding, newline="")  # csv handles line ends itself
    try:
        yield from _rows(text, models)
    finally:
        if not text.closed:
            text.detach()  # the caller closes the stream


def _rows(text: io.TextIOWrapper, models: Models | None) -> Iterator[tuple[int, object]]:
    columns, before = Columns.of(text, MAX_LINE_BYTES, models)
    lines = csv.reader(text, delimiter=columns.delimiter, strict=True)
    is_empty, line = True, before + 1
    for cells in lines:
        if any(cell.strip() for cell in cells):
            is_empty = False
            problem = columns.problem(cells)
            yield line, InvalidRequest(problem) if problem else _Cells(columns.cells(cells))
        line = before + lines.line_num + 1
    if is_empty:
        raise InvalidFile("The file has a header and no rows.")


class _Cells(dict[str, str]):
    """A row of a table. The model's schema gives the text of its cells types, and blank cells are left out."""

    def request(self, models: Models, default_model: str) -> dict[str, Any]:
        filled = {name: text for name, text in self.items() if text.strip()}
        filled["model"] = filled.get("model", default_model).strip()
        model = models.get(filled["model"])
        properties = cast("dict[str, Any]", ((model and model.schema) or {}).get("properties", {}))
        spelled = {fold(name): name for name in properties}  # a column may spell a field in another way
        fields = {spelled.get(fold(name), name): text for name, text in filled.items()}
        own = {key: {"type": "string"} for key in FOR_US}
        return {name: _typed(text, own.get(name) or properties.get(name, {})) for name, text in fields.items()}


def _typed(text: str, schema: dict[str, Any]) -> object:
    """Return the cell with the type in its schema, or as text if it does not match, so that validation fails."""
    allowed = schema.get("enum", [])
    if text not in allowed and (ratio := _ratio(text)) in allowed:
        return ratio
    if schema.get("type") == "string":
        return text
    try:
        value = parse_json(text.strip().lower() if text.strip().lower() in ("true", "false") else text)
    except ValueError:
        return text.strip()
    return text.strip() if text.strip() in allowed and value not in allowed else value


def _ratio(text: str) -> str | None:
    """Return the ratio in a cell that a spreadsheet saved as a time of day: `16:9` as `16:09` or `04:09:00 PM`."""
    found = _TIME_OF_DAY.fullmatch(text.strip())
    if not found:
        return None
    hour, half = int(found[1]), (found[3] or "").upper()
    hour = hour % 12 + 12 * (half == "P") if half else hour
    return f"{hour}:{int(found[2])}"


def _whole(stream: IO[bytes]) -> str:
    data = stream.read(MAX_WHOLE_BYTES + 1)
    if len(data) > MAX_WHOLE_BYTES:
        raise InvalidFile(
            f"The file is larger than {MAX_WHOLE_BYTES} bytes: convert it to .jsonl, with one request per line."
        )
    if data.startswith(UTF16):
        return data.decode("utf-16")
    text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    if "\0" in text:  # probably UTF-16 without a byte order mark
        raise InvalidFile(NOT_UTF8)
    return text


_READERS = {".txt": _read_text, ".json": _read_json, ".jsonl": _read_jsonl}
