"""Writes docs/cli.md from the command line's own help: `python docs/generate_cli.py [--check]`."""

import os
import subprocess
import sys
from pathlib import Path

DOCUMENT = Path(__file__).parent / "cli.md"

HEAD = """<!-- Written by docs/generate_cli.py from the help of client/promptreel/commands. Do not edit. -->

# The command line

In a checkout, `make up` starts a local cloud, and then `promptreel --local create "A paper boat" -o boat.mp4` is all it
takes. Elsewhere it is installed from a checkout, with pipx or into a virtual environment:

```sh
pipx install .                     # or: python3 -m venv .venv && . .venv/bin/activate && pip install .
pipx install --force '.[operator]' # who runs a deployment: with what `batch`, `doctor`, `logs`, `keys`, `secret`, `rescue`, `reconcile` need
```

## Configuration

Each setting comes from the first of these that has it:

| setting | option | environment | in `~/.config/promptreel/config.toml` |
|---|---|---|---|
| the API's URL (the stack's output `ApiUrl`) | `--url` | `PROMPTREEL_URL` | `url = "https://..."` |
| your API key | none: others can read options | `PROMPTREEL_API_KEY` | `api_key = "pr_..."` |
| the stage that operators work on, `dev` by default | `--stage` | `PROMPTREEL_STAGE` | `stage = "prod"` |

`XDG_CONFIG_HOME` is followed. A file with a key that others can read is warned of. `--local`, `--stage local` or
`PROMPTREEL_LOCAL=1` take everything from the local cloud of this checkout (`.local/stack.json`, here or in a folder
above; `PROMPTREEL_LOCAL` may also name such a file). `keys`, `secret`, `rescue`, `reconcile`, `logs`, `redrive` and `doctor` use the AWS credentials and
the region of your shell, as `aws` does.

A URL may end in `/` or in `/v2`, as the provider's does. `promptreel --install-completion` completes commands, options,
models, statuses and the ids of your newest generations in your shell: what the API knows, within two seconds or not at all.

## Ids

Wherever an id of a generation or a batch goes, its first digits are enough, four at least, if no other of yours begins with
them; if one does, they are listed and nothing is done. `list` shows eight.

## Output

Results go to stdout; progress, hints and errors to stderr. A table on a terminal becomes tab-separated lines without
titles in a pipe. `list` fits every width: id, status and time are never cut, and a prompt that has no room beside them goes
below. With `--json` stdout holds JSON and nothing else, in the API's own words. An error is one sentence.

## Exit codes

| code | means |
|---|---|
| 0 | done |
| 1 | the generation failed, or the API or AWS refused; `doctor` found something broken, `reconcile` something that does not add up |
| 2 | wrong usage; nothing was sent |
| 3 | no URL, key or AWS credentials, or not valid ones |
| 4 | `--wait` timed out; the generation goes on |
| 130 | interrupted (Ctrl-C); a generation that was waited for goes on, and the way back is printed |

"""


def document() -> str:
    """The whole of docs/cli.md."""
    made = subprocess.run(
        [sys.executable, "-m", "typer", "promptreel.commands", "utils", "docs", "--name", "promptreel"],
        capture_output=True,
        text=True,
        check=True,
        # Plain text, whatever terminal this runs in.
        env={**os.environ, "TERM": "dumb", "NO_COLOR": "1", "TYPER_USE_RICH": "0"},
    )
    return HEAD + made.stdout.replace("\n#", "\n##").replace("# `promptreel`", "## `promptreel`", 1)


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(DOCUMENT.read_text("utf-8") != document() and "docs/cli.md is out of date: run make docs.")
    DOCUMENT.write_text(document(), "utf-8")
