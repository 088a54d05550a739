"""Take rows out of the file of a batch, to be fixed, and put the fixed rows back in their places.

A file of rows has the columns or fields of the batch's file, and three more, which the API ignores like all whose names
begin with `_`: `_row` and `_batch` say where a row belongs, and `_error` why it failed. The whole file of the batch is
sent again, with the fixed rows. So the other rows stay in the batch, rows that use their videos still do, and a row
that was not changed is the same row and is not paid for again.
"""

import codecs
import csv
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from promptreel._tables import Table, fold, harmless, original
from promptreel.errors import PromptreelError
from promptreel.generation import ID_DIGITS

ROW, ERROR, BATCH = MARKS = ("_row", "_error", "_batch")
OWN = ("id", "name", "tags", "webhook", "webhook_events")  # not part of the request
LINE = "_line"  # the text of a line that is not a JSON object
TABLES, LISTS = (".csv", ".tsv"), (".jsonl", ".json")
SPACE = " \t\r\n\v\f"  # that may be around a line of .jsonl
MAX_BYTES = 64 << 20  # of a batch's file


@dataclass(frozen=True)
class Revision:
    """A revision of a batch."""

    batch_id: str
    number: int

    @classmethod
    def of(cls, text: str) -> "Revision | None":
        """Read the revision from its text."""
        found = re.fullmatch(rf"([0-9a-f]{{{ID_DIGITS}}})/([0-9]{{1,9}})", text.strip(), re.ASCII)
        return cls(found[1], int(found[2])) if found else None

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.number}"


@dataclass(frozen=True)
class Row:
    """A row of a file: its content, and the marks that say where it belongs."""

    line: int  # of the file, on which it begins
    content: Any
    marks: Mapping[str, str] = field(default_factory=dict)


class Rows(Protocol):
    """The rows of a file, in order."""

    rows: list[Row]

    def key(self, content: Any, *, without: Collection[str] = ()) -> str:
        """Return a text that is the same for equal contents, `without` some of their columns or fields."""

    def marked(self, rows: Mapping[int, str], revision: Revision, suffix: str) -> str:
        """Return the rows with these numbers and their errors, as the content of a file of rows."""

    def merged(self, changed: Mapping[int, Any], added: list[Any]) -> str:
        """Return the content of the whole file with these rows in their places, and others at its end."""

    def plain(self) -> str:
        """Return the content of the file without the marks."""


@dataclass(frozen=True)
class Merged:
    """The whole file of a batch with rows put in their places."""

    text: str
    changed: tuple[int, ...]  # the numbers of the rows that were replaced
    added: int
    moved: tuple[int, ...]  # rows whose new contents are among those that were added
    lines: Mapping[int, int]  # the lines of the file of rows, by the numbers of the rows in the whole file


def revision_of(path: Path) -> Revision | None:
    """Return the revision whose rows a file has, or None if it is not a file of rows.

    Raise `PromptreelError` if it has rows of several revisions.
    """
    if path.suffix.lower() not in TABLES + LISTS or path.stat().st_size > MAX_BYTES:
        return None
    data = path.read_bytes()
    if BATCH.encode() not in data.replace(b"\0", b""):
        return None
    try:
        rows = read(path.name, data).rows
    except PromptreelError:
        return None  # the API says what is wrong
    found = {revision for row in rows if (revision := Revision.of(row.marks.get(BATCH, "")))}
    if len(found) > 1:
        raise PromptreelError(f"{path} has rows of several batches or revisions: send those of each in its own file.")
    return found.pop() if found else None


def read(name: str, data: bytes) -> "Rows":
    """Return the rows of a file. Raise `PromptreelError` if it cannot be read."""
    try:
        text = data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
        if Path(name).suffix.lower() in TABLES:
            table = Table.of(text)
            if table is None:
                raise PromptreelError(f"{name} has no header with `prompt` or `model`.")
            return TableRows(table)
        return JsonRows.of(name, text)
    except (ValueError, RecursionError, csv.Error) as error:
        raise PromptreelError(f"{name} cannot be read ({error}).") from error


def merge(whole: Rows, part: Rows, name: str) -> Merged:
    """Put the rows of a part in their places in the whole file. `name` is the part's, for errors.

    Raise `PromptreelError` if the part names a row twice, or one that does not exist, or leaves one empty.
    """
    if type(whole) is not type(part):
        raise PromptreelError(f"{name} has another format than the batch's file: save its rows in that format.")
    changed, added, lines = dict[int, Row](), list[tuple[int, Row]](), dict[int, int]()
    for row in part.rows:
        text = row.marks.get(ROW, "").strip()
        number = int(text) if re.fullmatch("[0-9]{1,9}", text, re.ASCII) else 0
        where = f"{name}:{row.line}"
        if not text:
            added += [(0, row)] if row.content else []
        elif not 1 <= number <= len(whole.rows):
            raise PromptreelError(f"{where}: the batch has no row {text[:20]!r}: leave `{ROW}` as it was.")
        elif number in lines:
            raise PromptreelError(f"{where}: row {number} is in the file twice: to add a row, leave `{ROW}` empty.")
        elif not row.content:
            raise PromptreelError(f"{where}: row {number} is empty: fill it in, or delete its line to leave it.")
        else:
            lines[number] = row.line
            if whole.key(whole.rows[number - 1].content) != whole.key(row.content):
                changed[number] = row
    for number in _followed_by_equals(whole, changed):
        added.append((number, changed.pop(number)))
    lines |= {len(whole.rows) + place: row.line for place, (_, row) in enumerate(added, start=1)}
    contents = {number: row.content for number, row in changed.items()}
    return Merged(
        text=whole.merged(contents, [row.content for _, row in added]),
        changed=tuple(changed),
        added=sum(not number for number, _ in added),
        moved=tuple(number for number, _ in added if number),
        lines=lines,
    )


def _followed_by_equals(whole: Rows, changed: Mapping[int, Row]) -> list[int]:
    """Return the changed rows whose old or new request is also that of a later, unchanged row.

    The API distinguishes equal requests by their order. In its place, such a row would make the later ones other rows.
    """
    requests = [whole.key(row.content, without=OWN) for row in whole.rows]
    last = {request: number for number, request in enumerate(requests, start=1) if number not in changed}
    found = []
    for number, row in changed.items():
        old, new = requests[number - 1], whole.key(row.content, without=OWN)
        if old != new and max(last.get(old, 0), last.get(new, 0)) > number:
            found.append(number)
    return found


class TableRows:
    """The rows of a table. A content has the cells that are not blank by the names of their columns.

    Cells beyond the header have the name "".
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._names = list(map(fold, table.names))
        self.rows = [self._row(line, cells) for line, cells in table.rows]

    def _row(self, line: int, cells: list[str]) -> Row:
        named = [(name, cell) for name, cell in zip(self._names, cells, strict=False) if name]
        marks = {name: cell for name, cell in named if name in MARKS}
        restored = original if BATCH in self._names else str
        content: dict[str, Any] = {name: restored(cell) for name, cell in named if name not in MARKS and cell.strip()}
        if rest := [cell for cell in cells[len(self._names) :] if cell.strip()]:
            content[""] = list(map(restored, rest))
        return Row(line, content, marks)

    def key(self, content: Any, *, without: Collection[str] = ()) -> str:
        # A spreadsheet changes line breaks.
        told = {
            name: cell.replace("\r\n", "\n").strip() if isinstance(cell, str) else cell
            for name, cell in _told(content, without).items()
        }
        return _dumped(told, ordered=True)

    def marked(self, rows: Mapping[int, str], revision: Revision, suffix: str) -> str:
        names = [name for name in self._table.names if fold(name) and fold(name) not in MARKS]
        delimiter = "\t" if suffix == ".tsv" else self._table.delimiter
        made = []
        for number, error in rows.items():
            content = self.rows[number - 1].content
            cells = [number, error, revision, *(content.get(fold(name), "") for name in names), *content.get("", ())]
            made.append((0, [harmless(str(cell)) for cell in cells]))
        return Table("", delimiter if delimiter in ",;\t" else ",", [*MARKS, *names], made).text()

    def merged(self, changed: Mapping[int, Any], added: list[Any]) -> str:
        new = dict.fromkeys(name for one in (*changed.values(), *added) for name in one if name not in self._names)
        names = [*self._names, *(name for name in new if name)]
        header = [*self._table.names, *names[len(self._names) :]]

        def cells(content: Mapping[str, Any]) -> list[str]:
            return [*(content.get(name, "") if name else "" for name in names), *content.get("", ())]

        rows = [
            (line, cells(changed[number]) if number in changed else before)
            for number, (line, before) in enumerate(self._table.rows, start=1)
        ]
        rows += [(0, cells(content)) for content in added]
        return Table(self._table.before, self._table.delimiter, header, rows).text()

    def plain(self) -> str:
        return TableRows(replace(self._table, rows=[])).merged({}, [row.content for row in self.rows])


class JsonRows:
    """The rows of a .jsonl file or of a list in a .json file.

    A content is a JSON object, or the text of an invalid line.
    """

    def __init__(self, raw: list[tuple[int, str]], *, is_list: bool) -> None:
        self._raw = [text for _, text in raw]
        self._is_list = is_list
        self.rows = [self._row(line, text) for line, text in raw]

    @classmethod
    def of(cls, name: str, text: str) -> "JsonRows":
        """Read the rows of a file."""
        if Path(name).suffix.lower() == ".json":
            found = json.loads(text)
            return cls([(1, _dumped(one)) for one in (found if isinstance(found, list) else [found])], is_list=True)
        lines = enumerate(text.split("\n"), start=1)
        return cls([(number, line.strip(SPACE)) for number, line in lines if line.strip(SPACE)], is_list=False)

    def _row(self, line: int, text: str) -> Row:
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            return Row(line, text)
        marks = {name: str(found.pop(name)) for name in MARKS if found.get(name) is not None}
        raw = found.pop(LINE, None)
        content = {name: value for name, value in found.items() if name not in MARKS}
        return Row(line, content or raw or {}, marks)

    def key(self, content: Any, *, without: Collection[str] = ()) -> str:
        told = _told(content, without) if isinstance(content, dict) else content
        return _dumped(told, ordered=True)

    def marked(self, rows: Mapping[int, str], revision: Revision, suffix: str) -> str:
        made = []
        for number, error in rows.items():
            content = self.rows[number - 1].content
            fields = content if isinstance(content, dict) else {LINE: content}
            made.append(_dumped({ROW: number, ERROR: error, BATCH: str(revision), **fields}))
        return _joined(made, is_list=suffix == ".json")

    def merged(self, changed: Mapping[int, Any], added: list[Any]) -> str:
        made = [
            _written(changed[number]) if number in changed else text for number, text in enumerate(self._raw, start=1)
        ]
        made += map(_written, added)
        return _joined(made, is_list=self._is_list)

    def plain(self) -> str:
        return JsonRows([], is_list=self._is_list).merged({}, [row.content for row in self.rows])


def _told(content: Mapping[str, Any], without: Collection[str]) -> dict[str, Any]:
    """Return the fields of a content that the API reads, `without` some."""
    return {name: value for name, value in content.items() if not name.startswith("_") and name not in without}


def _written(content: Any) -> str:
    return _dumped(content) if isinstance(content, dict) else str(content)


def _joined(made: Iterable[str], *, is_list: bool) -> str:
    text = ",\n".join(made) if is_list else "".join(f"{line}\n" for line in made)
    return f"[{text}]\n" if is_list else text


def _dumped(value: Any, *, ordered: bool = False) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=ordered)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return json.dumps(value, sort_keys=ordered)
    return text
