"""Test that the documentation has the console's pictures, and that outdated ones are found."""

import re
import shutil
from pathlib import Path

import pytest

from tests.support.pictures import FOLDER, PICTURES, ROOT, note, outdated, sources

CONSOLE = ROOT / "console"


@pytest.mark.nightly
def test_the_pictures_show_the_present_console() -> None:
    """They are taken for releases, so only `make nightly` tests this."""
    assert outdated(FOLDER, CONSOLE) == [], "docs/pictures show an older console: run `make up` and `make pictures`."


def test_a_change_of_a_page_makes_its_pictures_outdated(tmp_path: Path) -> None:
    console, folder = tmp_path / "console", tmp_path / "pictures"
    shutil.copytree(CONSOLE, console)
    folder.mkdir()
    for picture in PICTURES:
        (folder / f"{picture.name}.png").touch()
    assert len(outdated(folder, console)) == len(PICTURES), "nothing was noted"
    note(folder, console)
    assert outdated(folder, console) == []
    for changed, names in (
        ("usage.js", ["usage"]),
        ("make.js", ["make"]),
        ("webhooks.js", []),
        ("console.css", [picture.name for picture in PICTURES]),
    ):
        before = (console / changed).read_text("utf-8")
        (console / changed).write_text(f"{before}\n", "utf-8")
        assert outdated(folder, console) == [f"{name}: {changed}" for name in names]
        (console / changed).write_text(before, "utf-8")
    (folder / "batch.png").unlink()
    assert outdated(folder, console) == ["batch: "]


def test_each_page_has_the_sources_that_it_imports() -> None:
    for picture in PICTURES:
        assert {picture.module, "app.js", "console.css", "texts.js", "html.js"} <= set(sources(picture, CONSOLE))


def test_the_documentation_shows_each_picture() -> None:
    pages = [ROOT / "README.md", ROOT / "docs" / "console.md"]
    shown = {one for page in pages for one in re.findall(r"pictures/(\w+)\.png", page.read_text("utf-8"))}
    assert shown == {picture.name for picture in PICTURES}
