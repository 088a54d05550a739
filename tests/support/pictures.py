"""The pictures of the console in docs/pictures, and whether they show the present one.

`python -m tests.pictures` takes them for a release, and notes the console's sources at that moment. The sources of a
page are its module, everything that this imports, and what is around every page.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "pictures"
AROUND = ("app.js", "console.css", "theme.js")
_IMPORT = re.compile(r'^(?:import|export)\b[^;]*?"\./([\w-]+\.js)"', re.MULTILINE)


@dataclass(frozen=True)
class Picture:
    """A page of the console, and the element that appears when the page is ready."""

    name: str
    page: str  # its address, with the ids of what was made for it
    shows: str
    module: str


PICTURES = (
    Picture("gallery", "", ".card .stage.generating", "gallery.js"),
    Picture("video", "video/{one}", ".timeline", "video.js"),
    Picture("make", "make?from={one}&vary=3", ".estimate", "make.js"),
    Picture("compare", "compare/{four}", ".controls", "compare.js"),
    Picture("batch", "batch/{batch}", "tbody tr", "batch.js"),
    Picture("usage", "usage", ".budgets, .plot", "usage.js"),
)


def noted(folder: Path) -> dict[str, str]:
    """Return the digests of the console's sources when the pictures were taken, by file."""
    path = folder / "sources.json"
    found: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def note(folder: Path, console: Path) -> None:
    """Note the present sources of all pictures."""
    files = sorted({file for picture in PICTURES for file in sources(picture, console)})
    text = json.dumps({file: _digest(console / file) for file in files}, indent=1)
    (folder / "sources.json").write_text(f"{text}\n", "utf-8")


def outdated(folder: Path, console: Path) -> list[str]:
    """Return a line for each picture that shows an older page, with the files that changed since."""
    known = noted(folder)
    lines = []
    for picture in PICTURES:
        changed = [file for file in sources(picture, console) if known.get(file) != _digest(console / file)]
        if changed or not (folder / f"{picture.name}.png").exists():
            lines.append(f"{picture.name}: {', '.join(changed)}")
    return lines


def sources(picture: Picture, console: Path) -> list[str]:
    """Return the files that decide how the page of a picture looks."""
    found, left = set(AROUND), [picture.module]
    while left:
        file = left.pop()
        if file not in found and (console / file).exists():
            found.add(file)
            left += _IMPORT.findall((console / file).read_text("utf-8"))
    return sorted(found)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
