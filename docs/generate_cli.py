"""Write docs/cli.md from the help of the command line: `python docs/generate_cli.py [--check]`."""

import os
import re
import subprocess
import sys
from pathlib import Path

from generated import write

DOCUMENT = Path(__file__).parent / "cli.md"

HEAD = """<!-- Written by docs/generate_cli.py from the help of client/promptreel/commands. Do not edit. -->

# The command line

This page is for people who use Promptreel in a shell.
In a checkout, start a local cloud with `make up` and generate a video with `promptreel --local create "A paper boat" -o boat.mp4`.
To install the command elsewhere, run one of these in a checkout:

<!-- not run: installs for the whole machine; tests/unit/client/test_wheel.py installs the wheel -->
```sh
pipx install .                     # or: python3 -m venv .venv && . .venv/bin/activate && pip install .
pipx install --force '.[operator]' # for operators: adds the packages for AWS
pipx install --force '.[agents]'   # for agents: adds the packages for promptreel mcp
```

## Configuration

Promptreel reads each setting from the first of these places that has it.
For the stage, a [project](#projects) comes between the environment and your own file.

| setting | option | environment | in `~/.config/promptreel/config.toml` |
|---|---|---|---|
| API URL (the stack's output `ApiUrl`) | `--url` | `PROMPTREEL_URL` | `url = "https://..."` |
| API key | none, because other users can read options | `PROMPTREEL_API_KEY` | `api_key = "pr_..."` |
| stage for operator commands, `dev` by default | `--stage` | `PROMPTREEL_STAGE` | `stage = "prod"` |

If `XDG_CONFIG_HOME` is set, the file is in that folder.
If the file contains a key and other users can read it, Promptreel prints a warning.

With `--local`, `--stage local` or `PROMPTREEL_LOCAL=1`, Promptreel uses the settings of the local cloud of a checkout: `.local/stack.json` in this folder, in a parent folder, or in the checkout that the command was installed from.
`PROMPTREEL_LOCAL` can also name such a file.

`keys`, `secret`, `budgets`, `rescue`, `resolve`, `reconcile`, `import`, `logs`, `redrive`, `doctor` and `usage --by owner` use the AWS credentials and region of your shell, like `aws`.

A URL may end in `/` or, like the provider's, in `/v2`.

`promptreel --install-completion` adds completion to your shell for commands, options, models, statuses and the ids of your newest generations.
If the API does not answer within two seconds, completion offers no models or ids.

## Projects

A file `promptreel.toml` in a folder sets defaults for the commands that you run in this folder and in folders below it:

```toml
tags = ["project=boats"]           # added to every `create`
model = "google/veo-3.1-t2v-fast"  # of `create` without --model
output = "videos"                  # where `download` and `batch --videos` save without -o
stage = "prod"                     # of commands for operators
```

Promptreel uses the nearest such file, from the working directory upwards.
It searches neither the home folder nor the root of a file system, and continues to no other file system.
A `--tag` replaces the project's tag with the same key; the other tags are added.
`create` and the commands for operators print which settings they use. `promptreel status` shows the file and all its settings.

Rows of a file that you send with `batch` have only the model and the tags of that file, so a file means the same in every folder.
`list` shows everything; `list --project` shows only generations with the project's tags, and `sync --project` saves their videos.

The file is safe to use even if you cloned it with a stranger's repository:

- It cannot contain a URL or an API key. Promptreel reads these only from the places in the [table above](#configuration).
- The stage cannot be `local`, because a local cloud's URL is in another file of the same folder.
- The output folder is relative to the file. It cannot be outside the file's folder, not even through a symbolic link.
- Nothing in the file is run. A file that belongs to another user is rejected.

The Python client ignores the file.

## Ids

Instead of a full generation or batch id, you can use its first digits, if they are unique among your ids.
A batch's name also works, even if the id of another batch begins in the same way.
If several ids match, Promptreel lists them and does nothing else.
Tables show eight digits, and from 120 columns the whole id.

## Output

Results go to stdout; progress, hints and errors go to stderr.
Tables are printed as tab-separated lines without titles in a pipe.
Tables fit the width of the terminal.
They never cut numbers, times and the first eight digits of an id; prompts, names and bars get the rest of the line.
What does not fit next to them is shown below its row.
A link to a video that is longer than a line is shown as the command that opens it, which is also a hyperlink in terminals that support them; a pipe gets the link.
With `--json`, stdout contains only JSON, as the API returns it.

## Following and notifications

`promptreel status` shows the deployment, running and queued generations, and your budgets on one screen.
It also lists everything that needs you: failures of the last day (`--since`), requests that may have been charged without a video, batches that stopped, and budgets with a tenth or less left.
If your key may not see one of these, its line says so.

`promptreel watch` follows all your running generations until Ctrl-C.
It polls every five seconds with three calls, and a few more when generations end, however many run.
It continues through faults of the network.
On a terminal, generations that ended stay on the screen. Below them is a table of those that run.
With `--until-idle` it ends once neither a generation nor a batch runs.

With `--notify`, a command that waits rings the terminal's bell and shows a notification when the wait ends.
It uses the first of these that the computer has: `osascript` on macOS, `notify-send` on a desktop, or the terminal's own notification (OSC 777 or OSC 9), which also works over SSH.
Without any of them nothing happens.
Notifications contain ids, numbers and the names of batches, without control characters.

## Exit codes

| code | means |
|---|---|
| 0 | success |
| 1 | the generation failed, or the API or AWS returned an error; `doctor` found a problem, or `reconcile` found charges that do not match |
| 2 | wrong usage; nothing was sent |
| 3 | missing or invalid URL, key or AWS credentials |
| 4 | `--wait` timed out; the generation continues |
| 130 | interrupted (Ctrl-C), also the usual end of `watch`; a generation that you were waiting for continues, and the command to continue waiting is printed |

"""


def document() -> str:
    """Return the content of docs/cli.md."""
    made = subprocess.run(
        [sys.executable, "-m", "typer", "promptreel.commands", "utils", "docs", "--name", "promptreel"],
        capture_output=True,
        text=True,
        check=True,
        # Plain text in every terminal.
        env={**os.environ, "TERM": "dumb", "NO_COLOR": "1", "TYPER_USE_RICH": "0"},
    )
    usage = made.stdout.replace("```console\n$ ", "```text\n")  # not a command that can be run
    limits = re.sub(r"  \[(\d+)<=x<=(\d+)\]", r" From \1 to \2.", usage)
    sections = _with_sentences(re.sub(r"  \[x>=(\d+)\]", r" At least \1.", limits))
    return HEAD + sections.replace("\n#", "\n##").replace("# `promptreel`", "## `promptreel`", 1)


def _with_sentences(sections: str) -> str:
    """Put each sentence of the help on a line, and give each list of commands its sentences, which typer cuts."""
    parts = re.split(r"^(#+ `.+`)$", sections, flags=re.MULTILINE)
    helps = {}
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        explained = text.partition("**Usage**")[0].strip()
        helps[heading.strip("# `")] = _lines(explained)
    for number, heading in enumerate(parts[1::2]):
        name = heading.strip("# `")
        explained, usage, rest = parts[2 * number + 2].partition("**Usage**")
        explained = f"\n\n{helps[name]}\n\n" if explained.strip() else explained
        listed = re.sub(
            r"^\* `([\w-]+)`: .*\.\.\.$",
            lambda found, name=name: f"* `{found[1]}`: {helps[f'{name} {found[1]}'].partition(chr(10))[0]}",
            rest,
            flags=re.MULTILINE,
        )
        parts[2 * number + 2] = explained + usage + listed
    return "".join(parts)


def _lines(text: str) -> str:
    """Return paragraphs with a line for each sentence."""
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    return "\n\n".join(re.sub(r"(?<=\.) (?=[A-Z`-]\w)", "\n", paragraph) for paragraph in paragraphs)


if __name__ == "__main__":
    write({DOCUMENT: document()})
