"""Test the site of the documentation, as `make check` does: its links, its lists, and where it loads from."""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.support.browser import chromium, is_for_this_machine

ROOT = Path(__file__).parents[2]
MKDOCS = Path(sys.prefix) / "docs" / "bin" / "mkdocs"
PAGES = {"README.md": "index.html", "CONTRIBUTING.md": "contributing.html", "CHANGELOG.md": "changelog.html"}
SHAPES = ("li", "ol", "ul", "pre", "tr", "h2", "h3")
# What a browser loads when it shows a page, by the attribute that names it.
LOADS = dict.fromkeys(("script", "img", "source", "video", "audio", "iframe"), "src") | {"link": "href"}
OUTSIDE = re.compile(r"^(?:https?:)?//")


def build(root: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a checkout as the workflow does, which knows the repository's address."""
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "REPOSITORY_URL": "https://github.com/example/promptreel"}
    command = [str(MKDOCS), "build", "--strict", "--site-dir", str(target)]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    built = build(ROOT, target)
    assert built.returncode == 0, built.stdout + built.stderr
    return target


class Loads(HTMLParser):
    """Collects what a page loads, and the tags of its text."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.shapes: Counter[str] = Counter()
        self._is_text = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("rel") not in ("canonical", "next", "prev"):
            self.addresses.append(given.get(LOADS.get(tag, "")) or "")
        self.addresses += re.findall(r"[^\s,]+", given.get("srcset") or "")
        self._is_text = self._is_text or tag == "article"
        if self._is_text and tag in SHAPES:
            self.shapes[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        self._is_text = self._is_text and tag != "article"


def read(page: Path) -> Loads:
    parser = Loads()
    parser.feed(page.read_text("utf-8"))
    return parser


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = [*site.rglob("*.html")]
    assert len(pages) > 50
    loaded = {page.name: read(page).addresses for page in pages}
    assert any(address.endswith(".js") for address in loaded["index.html"]), "what a page loads is read"
    assert {name: found for name, all_ in loaded.items() if (found := [*filter(OUTSIDE.match, all_)])} == {}
    for style in site.rglob("*.css"):
        named = re.findall(r"""(?:url\(|@import)\s*["']?([^"')\s]+)""", style.read_text("utf-8"))
        assert [*filter(OUTSIDE.match, named)] == [], style
    # Material's script would fetch these from a CDN if a page had such a block.
    assert [page.name for page in pages if re.search('class="(?:mermaid|arithmatex)', page.read_text("utf-8"))] == []


@pytest.mark.skipif(not is_for_this_machine(), reason="the tests' browser is for Linux on x86-64")
def test_a_browser_asks_only_the_sites_own_server(site: Path) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    asked: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, chromium() as browser:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        address = f"http://127.0.0.1:{server.server_port}"
        for name in ("index", "tutorial", "architecture", "decisions/index"):
            page.goto(f"{address}/{name}.html", wait_until="networkidle")
        page.goto(f"{address}/index.html?q=reconciliation")  # searches once the index is read
        page.wait_for_selector(".md-search-result__item", timeout=100_000)
        server.shutdown()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert any(url.endswith(".svg") for url in asked)


def test_lists_tables_and_code_are_as_on_github(site: Path) -> None:
    github = MarkdownIt("commonmark").enable("table")
    for source in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        name = source.relative_to(ROOT).as_posix()
        if name == "SECURITY.md" or name in PAGES or name.startswith("docs/"):
            page = PAGES.get(name) or name.lower().removeprefix("docs/").replace("readme.md", "index.md")
            expected = Loads()
            expected.feed(f"<article>{github.render(source.read_text('utf-8'))}</article>")
            assert read(site / page.replace(".md", ".html")).shapes == expected.shapes, name


def test_no_program_is_published(site: Path) -> None:
    assert [*site.rglob("*.py"), *site.rglob("__pycache__")] == []


def test_links_out_of_the_documentation_lead_to_the_repository(site: Path) -> None:
    pages = {page.name: page.read_text("utf-8") for page in site.glob("*.html")}
    assert 'href="https://github.com/example/promptreel/blob/main/functions/core/hold.py"' in pages["money.html"]
    assert 'href="contributing.html#release"' in pages["upgrading.html"]
    assert 'href="tutorial.html"' in pages["index.html"]


DEAD = {
    "docs/money.md": "[x](monney.md) [x](events.md#no-such-part) [`x`](../functions/core/no_such.py)",
    "README.md": "[x](docs/no-such.md)",
    "docs/unlisted.md": "# A page that no menu has",
}


def test_a_dead_link_or_an_unlisted_page_fails_the_build(tmp_path: Path) -> None:
    for entry in ROOT.iterdir():
        if entry.name == "docs":
            shutil.copytree(entry, tmp_path / "docs")
        elif entry.suffix in (".md", ".yml"):
            shutil.copy(entry, tmp_path)
        else:
            (tmp_path / entry.name).symlink_to(entry)
    for page, text in DEAD.items():
        with (tmp_path / page).open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")
    built = build(tmp_path, tmp_path / "out-site")
    assert built.returncode != 0
    warnings = [line for line in built.stderr.splitlines() if "WARNING" in line or line.startswith("  - ")]
    for named in ("monney.md", "no-such-part", "no_such.py", "docs/no-such.md", "unlisted.md"):
        assert any(named in line for line in warnings), named
