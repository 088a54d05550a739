"""Write docs/decisions/README.md, the list of decisions: `python docs/generate_decisions.py [--check]`.

A decision says in its first sentences which earlier ones it changes, and the list shows this on their lines.
"""

import re
from pathlib import Path

from generated import write

FOLDER = Path(__file__).parent / "decisions"
DOCUMENT = FOLDER / "README.md"
# A sentence that changes earlier decisions, in the lines between the title and the first point.
CHANGE = re.compile(r"^(?:This|It)(?: also)? (?:changes|replaces|adds to) (.*)$", re.MULTILINE)

HEAD = """<!-- Written by docs/generate_decisions.py from the titles of the pages. Do not edit. -->

# Decisions

This page is for contributors who want to know why something is as it is before they change it.
Each page records a choice that had an alternative, with its reasons.
A newer decision may change an older one; both then remain.

| decision | status |
|---|---|
"""


def document() -> str:
    """Return the content of docs/decisions/README.md."""
    pages = {int(page.name[:4]): page for page in sorted(FOLDER.glob("0*.md"))}
    changed: dict[int, list[int]] = {number: [] for number in pages}
    for number, page in pages.items():
        opening = page.read_text("utf-8").partition("\n**")[0]
        for sentence in CHANGE.findall(opening):
            for earlier in re.findall(r"\]\((\d{4})-", sentence):
                changed[int(earlier)].append(number)
    rows = []
    for number, page in pages.items():
        title = page.read_text("utf-8").partition("\n")[0].removeprefix(f"# {number}. ")
        later = ", ".join(f"[{one}]({pages[one].name})" for one in changed[number])
        rows.append(
            f"| {number}. [{title}]({page.name}) | {f'in force, changed by {later}' if later else 'in force'} |\n"
        )
    return HEAD + "".join(rows)


if __name__ == "__main__":
    write({DOCUMENT: document()})
