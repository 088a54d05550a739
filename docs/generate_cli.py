"""Write docs/cli.md from the help of the command line: `python docs/generate_cli.py [--check]`."""

import os
import subprocess
import sys
from pathlib import Path

DOCUMENT = Path(__file__).parent / "cli.md"

HEAD = """<!-- Written by docs/generate_cli.py from the help of client/promptreel/commands. Do not edit. -->

# The command line

In a checkout, start a local cloud with `make up` and generate a video with `promptreel --local create "A paper boat" -o boat.mp4`.
To install the command elsewhere, run one of these in a checkout:

```sh
pipx install .                     # or: python3 -m venv .venv && . .venv/bin/activate && pip install .
pipx install --force '.[operator]' # for operators: adds the packages for AWS
pipx install --force '.[agents]'   # for agents: adds the packages for promptreel mcp
```

## Configuration

Promptreel reads each setting from the first of these places that has it:

| setting | option | environment | in `~/.config/promptreel/config.toml` |
|---|---|---|---|
| API URL (the stack's output `ApiUrl`) | `--url` | `PROMPTREEL_URL` | `url = "https://..."` |
| API key | none, because other users can read options | `PROMPTREEL_API_KEY` | `api_key = "pr_..."` |
| stage for operator commands, `dev` by default | `--stage` | `PROMPTREEL_STAGE` | `stage = "prod"` |

If `XDG_CONFIG_HOME` is set, the file is in that folder.
If the file contains a key and other users can read it, Promptreel prints a warning.

With `--local`, `--stage local` or `PROMPTREEL_LOCAL=1`, all settings come from the local cloud of a checkout: from `.local/stack.json` in this folder, in a parent folder, or in the checkout that the command was installed from.
`PROMPTREEL_LOCAL` can also name such a file.

`keys`, `secret`, `budgets`, `rescue`, `resolve`, `reconcile`, `import`, `logs`, `redrive`, `doctor` and `usage --by owner` use the AWS credentials and region of your shell, like `aws`.

A URL may end in `/` or, like the provider's, in `/v2`.

`promptreel --install-completion` adds completion to your shell for commands, options, models, statuses and the ids of your newest generations.
If the API does not answer within two seconds, completion offers no models or ids.

## Ids

Instead of a full generation or batch id, you can use its first digits, if they are unique among your ids.
A batch's name also works, even if the id of another batch begins with it.
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

## Exit codes

| code | means |
|---|---|
| 0 | success |
| 1 | the generation failed, or the API or AWS returned an error; `doctor` found a problem, or `reconcile` found charges that do not match |
| 2 | wrong usage; nothing was sent |
| 3 | missing or invalid URL, key or AWS credentials |
| 4 | `--wait` timed out; the generation continues |
| 130 | interrupted (Ctrl-C); a generation that you were waiting for continues, and the command to continue waiting is printed |

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
