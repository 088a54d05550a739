"""Write docs/keys.md from the routes of the API and their scopes: `python docs/generate_keys.py [--check]`."""

import sys
from pathlib import Path

from generated import write

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "functions"))

from core.api.api_keys import ALL, CREATE, READ  # noqa: E402 - found only now
from core.api.contract.document import document as contract  # noqa: E402
from core.api.routes import ANYONE, ROUTES  # noqa: E402
from core.models import ANY, offered  # noqa: E402

DOCUMENT = ROOT / "docs" / "keys.md"

HEAD = """<!-- Written by docs/generate_keys.py from functions/core/api/routes.py and the contract. Do not edit. -->

# API keys

This page is for operators who give people and programs access, and for the owners of keys.

An API key belongs to an owner: a name, such as `ann` or `shop`.
An owner can have several keys, and sees only the owner's own videos, batches and costs.
A key looks like `pr_3f1c0a9b_...`.
The digits after `pr_` are its id, which is not secret.
Promptreel stores only a hash of the key, so nobody can show it again.

## Create, limit, replace and revoke a key

Operators manage keys with the [command line](cli.md#promptreel-keys) and their AWS credentials.
With `--stage prod`, these commands work on that stage.

<!-- first: export PROMPTREEL_LOCAL=.local/stack.json -->
```sh
KEY=$(promptreel keys create ann --name laptop --scope create --expires 90d)   # printed only once
ID=$(echo "$KEY" | cut -d _ -f 2)
promptreel budgets set --day 5 --jobs-an-hour 20 --key "$ID"
promptreel keys list
```

| to | run | it takes effect |
|---|---|---|
| create a key | `promptreel keys create OWNER` | at once |
| limit what it may spend | `promptreel budgets set --day 5 --key ID` | at once |
| list the keys with their owners and last uses | `promptreel keys list` | |
| replace it, and keep the old one for a day | `promptreel keys rotate ID --overlap 24h` | at once |
| end it | `promptreel keys revoke ID` | within five minutes |
| return [short links](drop-in.md#links-to-videos) as `video.url` | `promptreel keys set ID --short-links` | within five minutes |

```sh
NEW=$(promptreel keys rotate "$ID" --overlap 1h)      # the old key works for one more hour
promptreel keys revoke "$(echo "$NEW" | cut -d _ -f 2)"
```

- **Expiry.** A key without `--expires` does not expire.
  The console warns its owner two weeks before a key expires, and `GET /v2/keys` shows `expires_at`.
- **Replacement.** The new key has the owner, name, scope and settings of the old one, and the same budget.
  The id of the first key in such a line is its `line`, which usage and budgets show.
- **Budget.** A key without a budget is limited by the budgets of its owner and of the deployment.
  See [money](money.md#budgets).
- **Repeats.** A key with `--repeat-window 10m` gets the same video for equal requests within ten minutes ([programs that retry](drop-in.md)).
- **A lost or leaked key.** Revoke it and create another.
  `promptreel usage --by key` shows what it spent.

A caller sends the key as `Authorization: Bearer <key>`.
The command line and the Python client read it from `PROMPTREEL_API_KEY` or from a [file](cli.md#configuration).

## Scopes

`--scope` limits what a key may do.
Without it, a key may do everything.

| scope | for | it may |
|---|---|---|
| `read` | dashboards, downloads | view and download |
| `create` | programs, agents | also generate videos, send batches, upload files and make links |
| `all` | people | also cancel, delete, and manage the webhook secret |

A key with a smaller scope than a call needs gets status 401.
Commands for operators use AWS credentials and no API key.
"""
TITLES = {
    ANYONE: "Calls that need no key",
    READ: "Calls of every key",
    CREATE: "Calls of keys with the scope `create` or `all`",
    ALL: "Calls of keys with the scope `all`",
}


def document() -> str:
    """Return the content of docs/keys.md."""
    paths = contract(offered([], [ANY]))["paths"]
    text = HEAD
    for scope, routes in ROUTES.items():
        text += f"\n### {TITLES[scope]}\n\n| call | |\n|---|---|\n"
        for route in routes:
            method, path = route.split()
            text += f"| `{route}` | {paths[path][method.lower()]['summary']} |\n"
    return text + "\n[HTTP API](api.md) describes each call.\n"


if __name__ == "__main__":
    write({DOCUMENT: document()})
