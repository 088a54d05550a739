"""Save the results of a batch in a folder: its report, its videos, and a page that shows them.

Nothing in the folder is overwritten. The file `.promptreel.json` names the batch, so that two batches do not share a
folder. The sidecar of each video names its generation, which separates outdated videos from current ones.
"""

import csv
import html
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import quote

from promptreel import _sidecar
from promptreel._tables import is_formula
from promptreel._text import UNPRINTABLE
from promptreel.batch import ReportRow
from promptreel.errors import PromptreelError
from promptreel.generation import MP4, Generation

MARK = ".promptreel.json"
EARLIER = "earlier"  # the folder for videos that no longer belong to a row
DEFAULT_TEMPLATE = "{row}-{name}-{id}"
FIELDS = ("row", "name", "id")
COLUMNS = ("row", "name", "tags", "prompt", "generation_id", "status", "file", "s3_uri", "credits_used", "error")
MAX_WORDS, MAX_BYTES = 6, 80  # of a prompt in a file name
# Device names on Windows, with any suffix.
RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{name}{n}" for name in ("COM", "LPT") for n in range(1, 10))}


def checked_template(template: str) -> str:
    """Return the template for the videos' names without its suffix. Raise `PromptreelError` if it is invalid."""
    template = template.removesuffix(MP4)
    unknown = set(re.findall(r"\{([^{}]*)\}", template)) - set(FIELDS)
    rest = re.sub(r"\{(row|name|id)\}", "", template)
    if unknown or set("{}/\\") & set(rest) or UNPRINTABLE.search(rest) or template.startswith("."):
        raise PromptreelError(
            f"The name template {template!r} is invalid: it may contain only {{row}}, {{name}}, {{id}} and text."
        )
    if "{row}" not in template and "{id}" not in template:
        raise PromptreelError(
            f"The name template {template!r} would give two videos the same name: add {{row}} or {{id}}."
        )
    return template


def video_name(row: ReportRow, template: str = DEFAULT_TEMPLATE) -> str:
    """Return the file name for a row's video, valid on every system, with the suffix of the archived object."""
    if not row.row and template == DEFAULT_TEMPLATE:
        template = "{name}-{id}"  # it is in no batch
    fields = {
        "row": f"{row.row:05d}",
        "name": slug(row.name or " ".join((row.prompt or "").split()[:MAX_WORDS])) or "video",
        "id": slug((row.generation_id or "")[:8]),
    }
    suffix = PurePosixPath(row.s3_uri or "").suffix
    suffix = suffix if re.fullmatch(r"\.[0-9a-z]{1,8}", suffix, re.ASCII) else MP4
    name = re.sub(r"\{(row|name|id)\}", lambda found: fields[found[1]], template).strip(" .")
    return f"{'_' if name.partition('.')[0].upper() in RESERVED else ''}{name}{suffix}"


def row_of(generation: Generation) -> ReportRow:
    """Return a generation as the row of a report. Its number is 0 if it is in no batch."""
    meta = generation.raw.get("meta") or {}
    facts: dict[str, Any] = {
        "row": (meta.get("batch") or {}).get("row") or 0,
        "name": meta.get("name"),
        "prompt": generation.request.get("prompt"),
        "generation_id": generation.id,
        "status": generation.status,
        "s3_uri": generation.video and generation.video.file_name,
        "error": generation.error and f"{generation.error.name}: {generation.error.message}",
    }
    return ReportRow.from_json(facts)


def slug(text: str) -> str:
    """Return a text as part of a file name: letters and digits of any script, with their marks, joined by dashes.

    The API (`core.publish.names`) and the console (`download.js`) name files by the same rule.
    """
    kept: list[str] = []
    for one in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(one)[0]
        belongs = kind in "LN" or one == "_" or (kind == "M" and bool(kept) and kept[-1] != "-")
        kept.append(one if belongs else "-")
    words = re.sub("-+", "-", "".join(kept)).strip("-_")
    return words.encode()[:MAX_BYTES].decode(errors="ignore").strip("-_")


def prepare(folder: Path) -> None:
    """Create the folder if it does not exist. Raise `PromptreelError` if it is not writable."""
    if folder.exists() and not folder.is_dir():
        raise PromptreelError(f"{folder} is a file: choose a folder for the results.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise PromptreelError(f"The folder {folder} is not writable ({error.strerror}): choose another.") from error


@dataclass
class Results:
    """A folder with the results of one batch."""

    folder: Path
    batch_id: str
    template: str = DEFAULT_TEMPLATE
    videos: dict[str, str] = field(default_factory=dict)  # file names by generation id

    @classmethod
    def open(cls, folder: Path, batch_id: str, template: str = DEFAULT_TEMPLATE) -> "Results":
        """Open the folder, or create it.

        Raise `PromptreelError` if it is not writable or contains the results of another batch.
        """
        template = checked_template(template)
        prepare(folder)
        mark = folder / MARK
        if mark.exists():
            try:
                owner = json.loads(mark.read_text("utf-8"))["batch"]
            except (ValueError, KeyError, TypeError) as error:
                raise PromptreelError(f"{mark} cannot be read: choose another folder.") from error
            if owner != batch_id:
                raise PromptreelError(f"{folder} contains the results of batch {owner}: choose another folder.")
        there = _sidecar.saved_in(folder).items()
        videos = {key: one.path.name for key, one in there if one.batch_id == batch_id and one.path.is_file()}
        return cls(folder, batch_id, template, videos)

    def put_earlier_aside(self, rows: Iterable[ReportRow]) -> list[Path]:
        """Move videos of generations that no longer belong to the batch to the folder `earlier`. Return their paths."""
        current, moved = {row.generation_id for row in rows}, []
        for generation_id in [one for one in self.videos if one not in current]:
            path = self.folder / self.videos.pop(generation_id)
            moved.append(_sidecar.move(path, free_earlier(path)))
        self._mark()
        return moved

    def video_path(self, row: ReportRow) -> tuple[Path, bool]:
        """Return the path for the row's video and whether it exists. Rename it if it was saved under another name."""
        wanted = self.folder / video_name(row, self.template)
        known = self.videos.get(str(row.generation_id))
        if known is None or not (self.folder / known).is_file():
            return wanted, False
        if known != wanted.name and not wanted.exists():
            _sidecar.move(self.folder / known, wanted)
            self.videos[str(row.generation_id)] = wanted.name
        return self.folder / self.videos[str(row.generation_id)], True

    def saved(self, path: Path, generation: Generation) -> None:
        """Save the poster of a video that has been saved, and write its sidecar."""
        _sidecar.save_poster(path, generation)
        _sidecar.write(path, generation)
        self.videos[generation.id] = path.name
        self._mark()

    def write_report(self, rows: Sequence[ReportRow]) -> Path:
        """Save report.csv and report.jsonl, under new names if different reports exist. Return the CSV file's path."""
        table, lines = io.StringIO(newline=""), []
        table.write("\ufeff")  # Excel reads a CSV as UTF-8 only after a byte-order mark
        writer = csv.DictWriter(table, COLUMNS)
        writer.writeheader()
        for row in rows:
            name = self.videos.get(str(row.generation_id))
            writer.writerow({column: _cell(value) for column, value in self._shown(row, name).items()})
            lines.append(json.dumps({**row.raw, "file": name}, ensure_ascii=False) + "\n")
        self._mark()
        path = self._write("report", ".csv", table.getvalue())
        self._write("report", ".jsonl", "".join(lines))
        return path

    def write_page(self, title: str, rows: Sequence[ReportRow]) -> Path:
        """Save index.html, a page that shows the videos without network access or scripts. Return its path."""
        figures = "\n".join(self._figure(row) for row in rows)
        return self._write("index", ".html", _PAGE.format(title=html.escape(title), figures=figures))

    def _figure(self, row: ReportRow) -> str:
        name = self.videos.get(str(row.generation_id))
        shown = self._player(name) if name else ""
        said = html.escape(row.error or row.status) if not name else ""
        return (
            f'<figure id="row-{row.row}">{shown}<figcaption><b>{row.row}</b> {html.escape(row.name or "")} '
            f"<i>{html.escape(', '.join(row.tags))}</i><p>{html.escape(row.prompt or '')}</p>"
            f"<p class=error>{said}</p><small>{html.escape(row.generation_id or '')}</small></figcaption></figure>"
        )

    def _player(self, name: str) -> str:
        source, poster = html.escape(quote(name)), _sidecar.poster_of(self.folder / name)
        if name.endswith(".gif"):
            return f'<img src="{source}" alt="" loading="lazy">'
        if poster.is_file():
            picture = html.escape(quote(poster.name))
            return f'<video controls preload="none" poster="{picture}" src="{source}"></video>'
        return f'<video controls preload="metadata" src="{source}"></video>'

    def _shown(self, row: ReportRow, name: str | None) -> dict[str, object]:
        shown = {column: getattr(row, column, None) for column in COLUMNS}
        return {**shown, "tags": ", ".join(row.tags), "file": name}

    def _write(self, name: str, suffix: str, text: str) -> Path:
        path, number = self.folder / f"{name}{suffix}", 1
        while path.exists():
            with suppress(OSError, ValueError):
                if path.read_bytes() == text.encode():
                    return path
            number += 1
            path = self.folder / f"{name}-{number}{suffix}"
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
        return path

    def _mark(self) -> None:
        path = self.folder / MARK
        part = path.with_name(f"{MARK}.part")
        part.write_text(json.dumps({"batch": self.batch_id}), "utf-8")
        part.replace(path)


def free_earlier(path: Path) -> Path:
    """Return a free path in the folder `earlier` for a file that leaves its place."""
    folder = path.parent / EARLIER
    folder.mkdir(exist_ok=True)
    return _free(folder / path.name)


def _free(path: Path) -> Path:
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def _cell(value: object) -> object:
    """Return the value with an apostrophe before it if a spreadsheet might run it, as the deployment's reports do."""
    return f"'{value}" if isinstance(value, str) and is_formula(value) else value


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2rem }}
main {{ display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)) }}
figure {{ margin: 0 }}
video, img {{ width: 100%; background: #000 }}
.error {{ color: #c33 }}
</style>
<h1>{title}</h1>
<main>
{figures}
</main>
</html>
"""
