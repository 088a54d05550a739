"""Read the code blocks of README.md and docs/.

Each block of a language in RUN is run by tests/e2e/test_pages.py, in the order of its page. A comment above a block
changes that, and is not shown to readers:

- `<!-- not run: needs an AWS account -->`: the block is only checked, for this reason
- `<!-- first: touch a.png -->`: run this before it, in the block's language
- `<!-- saved as boats.csv -->`: the reader saves this block, of any language, as a file

A generated page may have `<!-- no block is run: ... -->` at its top instead.
"""

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
}
RUN = ("sh", "console", "python")
SUMMARY, START, LIMITS = "What you can do", "Get started", "Limits"  # sections of the template of a page
MOST_DETAILS = 5  # sections of details of a page without a summary
DATA = ("text", "json", "jsonl", "toml", "csv", "yaml", "ini", "html", "xml", "http", "mermaid")

_NOTE = re.compile(r"<!-- (not run:|first:|saved as)\s+(.*?)\s*-->", re.DOTALL)
_BLOCK = re.compile(
    r"(?P<notes>(?:^[ ]*<!-- (?:not run:|first:|saved as)(?:(?!-->).)*-->\s*\n)*)"
    r"^(?P<indent>[ ]*)```(?P<language>[^\s`]*)[^\n`]*\n(?P<text>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
_TITLE = re.compile(r"^## +(.+)$", re.MULTILINE)
_PARAGRAPH = re.compile(r"^ *(?!\||[-*] |\d+\. |#|<!--|!\[)\S.*$", re.MULTILINE)  # a line of it
_TWO_SENTENCES = re.compile(r"[.?!] +[A-Z`*\[]")
_PAGE_REASON = re.compile(r"^<!-- no block is run: (.+?) -->$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A code block of a page."""

    place: str  # page and line
    language: str
    text: str
    notes: dict[str, str]

    @property
    def reason(self) -> str:
        """Return why the block is not run, or nothing if it is."""
        return self.notes.get("not run:", "")

    @property
    def script(self) -> str:
        """Return the commands of a shell: without prompts and output, if the block shows a console."""
        if self.language != "console":
            return self.text
        lines = re.findall(r"^\$ ((?:.*\\\n)*.*)$", self.text, re.MULTILINE)
        return "".join(f"{line}\n" for line in lines)

    @property
    def shell(self) -> str:
        """Return what a shell runs for this block, with what comes first."""
        first = self.notes.get("first:", "")
        saved = self.notes.get("saved as")
        if saved:
            return f"cat > {shlex.quote(saved)} <<'SAVED'\n{self.text}SAVED\n"
        if self.language not in RUN or self.reason:
            return ""
        if self.language == "python":
            return f"python - <<'PYTHON'\n{first}\n{self.text}PYTHON\n"
        return f"{first}\n{self.script}"


def blocks(page: str, text: str) -> list[Block]:
    """Return the blocks of a page in their order."""
    everywhere = _PAGE_REASON.search(text)
    found = []
    for match in _BLOCK.finditer(text):
        notes = {kind: textwrap.dedent(value) for kind, value in _NOTE.findall(match["notes"])}
        if everywhere and match["language"] in RUN:
            notes.setdefault("not run:", everywhere[1])
        line = text.count("\n", 0, match.start("indent")) + 1
        found.append(Block(f"{page}:{line}", match["language"], textwrap.dedent(match["text"]), notes))
    return found


def problems(page: str, text: str) -> Iterator[str]:
    """Yield what is wrong with the blocks of a page and the comments above them."""
    found = blocks(page, text)
    if len(re.findall(r"^ *```", text, re.MULTILINE)) != 2 * len(found):
        yield f"{page}: a block does not end, or ends with another indentation."
    if len(_NOTE.findall(text)) != sum(len(_NOTE.findall(match["notes"])) for match in _BLOCK.finditer(text)):
        yield f"{page}: a comment about a block is not directly above one."
    for block in found:
        if block.language not in (*RUN, *DATA):
            yield f"{block.place}: its language is {block.language!r}, and must be one of {', '.join((*RUN, *DATA))}."
        if block.language == "console" and not block.script:
            yield f"{block.place}: a console shows at least one command, after `$ `."
        if "" in block.notes.values():
            yield f"{block.place}: the comment above it is empty."
        if block.reason and block.notes.keys() & {"first:", "saved as"}:
            yield f"{block.place}: it is not run, so nothing comes first."


def strays(page: str, text: str) -> Iterator[str]:
    """Yield how a page differs from the template of CONTRIBUTING.md."""
    opening, *rest = _TITLE.split(text)
    sections = dict(zip(rest[::2], rest[1::2], strict=True))
    titles = list(sections)
    details = [title for title in titles if title not in {SUMMARY, START, LIMITS}]
    with_blocks = [title for title, part in {"": opening, **sections}.items() if _runnable(page, part)]
    if titles[-1:] != [LIMITS]:
        yield f"{page}: its last section must be `## {LIMITS}`."
    if with_blocks and (with_blocks[0] != START or titles.index(START) > 1):
        yield f"{page}: its first block must be in `## {START}`, near the top."
    if SUMMARY in titles[1:] or (SUMMARY not in titles and len(details) > MOST_DETAILS):
        yield f"{page}: its first section must be `## {SUMMARY}`."
    if len(details) > MOST_DETAILS:
        for title in details:
            if f"](#{_anchor(title)})" not in sections.get(SUMMARY, ""):
                yield f"{page}: `## {SUMMARY}` has no link to `## {title}`."
    for line in _PARAGRAPH.findall(_BLOCK.sub("", text)):
        if _TWO_SENTENCES.search(re.sub(r"`[^`]*`", "`", line)):
            yield f"{page}: one sentence per line, not two: {line.strip()}"


def _runnable(page: str, text: str) -> bool:
    return any(block.language in RUN for block in blocks(page, text))


def _anchor(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def commands(script: str) -> list[list[str]]:
    """Return the words of each simple command of a script, as far as they are known before it runs."""
    joined = script.replace("\\\n", " ")
    quoted = r"'[^']*'|\"(?:\\.|[^\"\\])*\""
    # A new line ends a command, but not within quotes. A comment begins after a space.
    plain = re.sub(
        rf"({quoted})|((?:^|(?<=\s))#[^\n]*)|(\n)",
        lambda seen: seen[1] or (" ; " if seen[3] else ""),
        joined,
    )
    words = shlex.shlex(plain, posix=True, punctuation_chars="();<>|&")
    words.whitespace_split, words.commenters = True, ""
    found: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set("();<>|&"):
            found.append([])
        elif found[-1] or "=" not in word.partition("-")[0]:  # not an assignment
            found[-1].append(word)
    return [command for command in found if command]
