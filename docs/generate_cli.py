"""Write docs/cli.md from the command line's own help: `python docs/generate_cli.py [--check]`."""

import os
import subprocess
import sys
from pathlib import Path

DOCUMENT = Path(__file__).parent / "cli.md"

HEAD = """<!-- Written by docs/generate_cli.py from the help of client/promptreel/commands. Do not edit. -->

# The command line

In a checkout, run `make up` to start a local cloud, and then `promptreel --local create "A paper boat" -o boat.mp4`.
Otherwise install the command line from a checkout, with pipx or in a virtual environment:

```sh
pipx install .                     # or: python3 -m venv .venv && . .venv/bin/activate && pip install .
pipx install --force '.[operator]' # for operators: also installs boto3, for the commands that use AWS credentials
```

## Configuration

Settings are read from these places. The first that has a setting applies:

| setting | option | environment | in `~/.config/promptreel/config.toml` |
|---|---|---|---|
| the API's URL (the stack's output `ApiUrl`) | `--url` | `PROMPTREEL_URL` | `url = "https://..."` |
| your API key | none: others can read options | `PROMPTREEL_API_KEY` | `api_key = "pr_..."` |
| the stage that operators work on, `dev` by default | `--stage` | `PROMPTREEL_STAGE` | `stage = "prod"` |

The configuration directory follows `XDG_CONFIG_HOME`.
A warning appears if other users can read a file with a key.
`--local`, `--stage local` or `PROMPTREEL_LOCAL=1` read all settings from the local cloud of this checkout (`.local/stack.json`, here or in a folder above); `PROMPTREEL_LOCAL` may also name such a file.
The commands for operators use the AWS credentials and the region of your shell, as `aws` does.

A URL may end in `/` or in `/v2`, as the provider's does.
`promptreel --install-completion` installs completion in your shell: commands, options, models, statuses and the ids of your newest generations.
It waits at most two seconds for the API.

## Ids

Instead of a generation's or a batch's id you can use its first digits, at least four.
If several of yours begin with these digits, the command lists them and does nothing else.
`list` shows eight digits.

## Output

Results are written to stdout; progress, hints and errors to stderr.
In a pipe, a table becomes tab-separated lines without titles.
`list` fits every width: it never cuts the id, the status or the time, and moves a long prompt to the next line.
With `--json`, stdout contains only JSON with the API's attributes.
An error is one sentence.

## Exit codes

| code | means |
|---|---|
| 0 | done |
| 1 | the generation failed, or the API or AWS rejected the call; `doctor` found a problem, or `reconcile` found differences |
| 2 | wrong usage; nothing was sent |
| 3 | the URL, the key or the AWS credentials are missing or not valid |
| 4 | `--wait` timed out; the generation continues |
| 130 | interrupted (Ctrl-C); the generation continues, and the command to follow it again is printed |

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
    return HEAD + made.stdout.replace("\n#", "\n##").replace("# `promptreel`", "## `promptreel`", 1)


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(DOCUMENT.read_text("utf-8") != document() and "docs/cli.md is out of date: run make docs.")
    DOCUMENT.write_text(document(), "utf-8")
