"""Test that every shell and Python block of README.md and docs/ is run by a test or says why not, and could run."""

import ast
import importlib
import re
import subprocess
from collections import Counter

import pytest

from infra.config import Stage
from tests.support.pages import PAGES, ROOT, RUN, Block, blocks, commands, problems, strays
from tests.support.programs import check

BLOCKS = [block for page, text in PAGES.items() for block in blocks(page, text) if block.language in RUN]
SHELL = [pytest.param(block, id=block.place) for block in BLOCKS if block.language != "python"]
STAGES = [pytest.param(block, id=block.place) for block in BLOCKS if block.text.startswith("Stage(")]
DOCS = [page for page in PAGES if page.startswith("docs/") and page.count("/") == 1]
# Written by a program that measures; its steps are the sections; a list of words.
WITHOUT_TEMPLATE = {"docs/performance.md", "docs/tutorial.md", "docs/glossary.md"}
GENERATED = "<!-- Written by docs/generate_"
WITH_TEMPLATE = [page for page in DOCS if page not in WITHOUT_TEMPLATE and not PAGES[page].startswith(GENERATED)]
PYTHON = [pytest.param(block, id=block.place) for block in BLOCKS if block.language == "python"]


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_and_the_comments_above_them_are_valid(page: str) -> None:
    assert list(problems(page, PAGES[page])) == []


@pytest.mark.parametrize("page", DOCS)
def test_a_page_begins_with_its_readers(page: str) -> None:
    text = re.sub(r"^<!--.*-->\n", "", PAGES[page], flags=re.MULTILINE)
    assert re.match(r"\s*# .+\n\nThis page is for \w+", text)


@pytest.mark.parametrize("page", WITH_TEMPLATE)
def test_a_page_that_no_program_writes_follows_the_template(page: str) -> None:
    assert list(strays(page, PAGES[page])) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("## Details\n", "last section"),
        ("## Limits\n\n## Details\n", "last section"),
        ("```sh\nmake up\n```\n\n## Get started\n\n## Limits\n", "first block"),
        ("## Details\n\n```sh\nmake up\n```\n\n## Limits\n", "first block"),
        ("## A\n\n## B\n\n## Get started\n\n```sh\nmake up\n```\n\n## Limits\n", "near the top"),
        ("".join(f"## {name}\n" for name in (*"ABCDEF", "Limits")), "must be `## What you can do`"),
        ("## A\n\n## What you can do\n\n## Limits\n", "must be `## What you can do`"),
        (
            "## What you can do\n[a](#a-b)\n" + "".join(f"## {name}\n" for name in ("A, b", *"CDEFG", "Limits")),
            "no link to `## C`",
        ),
        ("Make it. Then look.\n\n## Limits\n", "one sentence"),
        ("1. Make it.\n   It works. `make up` does it.\n\n## Limits\n", "one sentence"),
    ],
    ids=range(10),
)
def test_a_page_without_a_part_of_the_template_is_noticed(text: str, problem: str) -> None:
    assert [one for one in strays("page.md", text) if problem in one]


def test_a_page_with_all_parts_of_the_template_is_accepted() -> None:
    page = """This page is for readers.

## What you can do

- [Read](#a-b), [c](#c), [d](#d), [e](#e), [f](#f) and [g](#g).

## Get started

```sh
make up
```

## A, b
## C
## D
## E
## F
## G
| a cell. Another sentence |

## Limits

- A list may have two sentences. This is the second.
"""
    assert list(strays("page.md", page)) == []


def test_pages_have_blocks_that_are_run() -> None:
    assert len([block for block in BLOCKS if not block.reason]) > 20


@pytest.mark.parametrize("block", SHELL)
def test_a_shell_block_parses_and_its_commands_exist(block: Block) -> None:
    script = block.shell or block.script
    parsed = subprocess.run(["/bin/bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert parsed.returncode == 0, parsed.stderr
    for command in commands(block.script):
        check(*command)


@pytest.mark.parametrize("block", PYTHON)
def test_a_python_block_compiles_and_what_it_imports_exists(block: Block) -> None:
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found = importlib.import_module(module)
            for one in node.names:
                if not hasattr(found, one.name):
                    importlib.import_module(f"{module}.{one.name}")
        elif isinstance(node, ast.Import):
            for one in node.names:
                importlib.import_module(one.name)


def test_a_newcomer_can_run_the_readme_the_tutorial_and_what_make_prints_in_one_folder() -> None:
    """No command overwrites a video, or saves a second batch in the same folder."""
    printed = [(ROOT / path).read_text("utf-8") for path in ("local/up.py", "infra/deploy.py")]
    saved = re.compile(r'(?:-o |download\(generation, ")([\w./-]+)')
    names = [set(saved.findall(text)) for text in (PAGES["README.md"], PAGES["docs/tutorial.md"], *printed)]
    assert all(names)
    assert [name for name, times in Counter(name for some in names for name in some).items() if times > 1] == []


def test_a_block_is_run_unless_a_comment_directly_above_it_gives_a_reason() -> None:
    page = """
1. Do this:

   <!-- first: A=1 -->
   ```console
   $ echo $A \\
       again
   1 again
   ```

<!-- not run: needs AWS -->
```sh
make deploy
```

<!-- saved as a.csv -->
```csv
prompt
```

```python
print(1)
```
"""
    first, second, third, last = blocks("page.md", page)
    assert list(problems("page.md", page)) == []
    assert (first.place, first.shell) == ("page.md:5", "A=1\necho $A \\\n    again\n")
    assert (second.reason, second.shell) == ("needs AWS", "")
    assert third.shell == "cat > a.csv <<'SAVED'\nprompt\nSAVED\n"
    assert (last.reason, last.shell) == ("", "python - <<'PYTHON'\n\nprint(1)\nPYTHON\n")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("```\nmake up\n```\n", "its language is ''"),
        ("```bash\nmake up\n```\n", "its language is 'bash'"),
        ("```sh\nmake up\n", "does not end"),
        ("<!-- not run: later -->\n\ntext\n\n```sh\nmake up\n```\n", "not directly above"),
        ("<!-- first: A=1 -->\n<!-- not run: why -->\n```sh\nmake up\n```\n", "nothing comes first"),
        ("```console\nmake up\n```\n", "at least one command"),
        ("<!-- not run: -->\n```sh\nmake up\n```\n", "is empty"),
    ],
    ids=range(7),
)
def test_a_block_that_would_not_be_noticed_is_a_problem(text: str, problem: str) -> None:
    assert [one for one in problems("page.md", text) if problem in one]


def test_the_commands_of_a_script_are_found_within_it() -> None:
    script = "A=1 promptreel list --text 'a;\nb' | cat   # make none\nID=$(promptreel get x) && make up\n"
    script += "aws s3 cp \\\n a b\n"
    assert commands(script) == [
        ["promptreel", "list", "--text", "a;\nb"],
        ["cat"],
        ["promptreel", "get", "x"],
        ["make", "up"],
        ["aws", "s3", "cp", "a", "b"],
    ]


@pytest.mark.parametrize(
    "command",
    [
        "promptreel draw",
        "promptreel list --colour red",
        "make coffee",
        "aws s3api fetch",
        "aws sns subscribe --what x",
        "aws dynamodb update-table --no-table-name",
    ],
)
def test_a_command_or_an_option_that_does_not_exist_is_noticed(command: str) -> None:
    with pytest.raises(AssertionError):
        check(*command.split())


@pytest.mark.parametrize("block", STAGES)
def test_a_stage_that_a_page_shows_is_valid(block: Block) -> None:
    assert eval(block.text, {"Stage": Stage}).name == "prod"  # noqa: S307 - our own text
