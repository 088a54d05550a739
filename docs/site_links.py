"""Make the links of the documentation work on its site: a hook of MkDocs (mkdocs.yml).

The pages are written for a reader of the repository, so a link may lead to any file in it. A file that is a page of the
site keeps its link; README.md and other pages of the repository's root become pages. Any other file is linked at the
repository, or only named if the build does not know its address. A link to a file that does not exist is a warning,
which fails a strict build.
"""

import logging
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from markdown import Markdown
from markdown.extensions import Extension
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
DOCS = "docs"
# Pages of the repository's root, by their names on the site.
PAGES = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "security.md": "SECURITY.md",
}
# A link, or code, in which nothing is a link.
LINK = re.compile(
    r"^(?P<indent> *)```.*?^(?P=indent)```$"
    r"|\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)"
    r"|`[^`\n]+`",
    re.MULTILINE | re.DOTALL,
)
# The end of a block of code in an item, and the next item, between which Python-Markdown wants an empty line.
BLOCK_THEN_ITEM = re.compile(r"^( +```\n)(?=(?:\d+\.|-) )", re.MULTILINE)

log = logging.getLogger("mkdocs.hooks.site_links")  # MkDocs counts its warnings


def on_config(config: Any) -> Any:
    """Read lists as GitHub does, which needs no four spaces to continue an item."""
    config.markdown_extensions.insert(0, NarrowLists())
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the repository's root."""
    for name, source in PAGES.items():
        files.append(File.generated(config, name, content=(ROOT / source).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Rewrite the links of a page."""
    source = page.file.src_uri
    path = PAGES.get(source) or f"{DOCS}/{source}"
    known = {f"{DOCS}/{file.src_uri}": file.src_uri for file in files} | {path: name for name, path in PAGES.items()}
    return rewritten(markdown, path, known, config.extra["repository"].rstrip("/"))


def rewritten(markdown: str, path: str, known: dict[str, str], repository: str) -> str:
    """Return a page whose links work on the site.

    `path` is where the page is in the repository, and `known` has the name on the site of each file that is there.
    """
    spaced = BLOCK_THEN_ITEM.sub(r"\1\n", markdown)
    return LINK.sub(lambda found: _link(found, path, known, repository) if found["target"] else found[0], spaced)


def _link(link: re.Match[str], path: str, known: dict[str, str], repository: str) -> str:
    target = urlsplit(link["target"])
    if target.scheme or not target.path:
        return link[0]
    file = os.path.normpath(os.path.join(os.path.dirname(path), target.path))
    if not (ROOT / file).exists():
        log.warning("%s links to %s, which does not exist.", path, link["target"])
        return link[0]
    file = f"{file}/README.md" if f"{file}/README.md" in known else file
    if file in known:
        anchor = f"#{target.fragment}" if target.fragment else ""
        return f"[{link['text']}]({os.path.relpath(known[file], os.path.dirname(known[path]) or '.')}{anchor})"
    return f"[{link['text']}]({repository}/blob/main/{file})" if repository else link["text"]


class NarrowLists(Extension):  # type: ignore[misc]  # it has no types here
    """Let two spaces continue an item of a list, as on GitHub, where Python-Markdown wants four."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - the name that Python-Markdown calls
        """Build the parser again, because its parts have read the number of spaces."""
        md.tab_length = 2
        md.build_parser()
        md.parser.blockprocessors.deregister("code")  # which two spaces would make; all code is fenced
