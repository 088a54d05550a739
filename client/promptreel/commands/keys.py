"""keys: manage the keys of the API."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from promptreel._text import UNPRINTABLE
from promptreel.commands import output
from promptreel.commands.options import Json, deployment, span_of

if TYPE_CHECKING:
    from promptreel.operator.deployment import Deployment
    from promptreel.operator.keys import ApiKey, ApiKeys

app = typer.Typer(help="Make, list, rotate and revoke the API's keys.", no_args_is_help=True)

SCOPES = ("read", "create", "all")
# Who tried the key before the authorizer knows of it would be refused for as long as the gateway keeps the verdict.
KNOWN_AFTER_SECONDS = 2.0
KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="See keys list.", show_default=False)]
Expires = Annotated[
    str | None,
    typer.Option(
        "--expires", metavar="TIME", help="When it ends, such as 12h, 90d or 8w from now.", show_default=False
    ),
]


@app.command()
def create(
    context: typer.Context,
    owner: Annotated[
        str,
        typer.Argument(
            metavar="OWNER", help="Whose key it is: an owner sees only its own generations.", show_default=False
        ),
    ],
    name: Annotated[str, typer.Option(metavar="NAME", help="What it is for.", show_default=False)] = "",
    scope: Annotated[
        str,
        typer.Option(
            metavar="SCOPE",
            help="What it may do: read (look and download), create (also make videos), all (also cancel and "
            "delete, and the secret of webhooks).",
        ),
    ] = "all",
    expires: Expires = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    for text, which in ((owner, "OWNER"), (name, "--name")):
        if UNPRINTABLE.search(text) or (which == "OWNER" and not text.strip()):
            raise typer.BadParameter("it must be a name of printable characters.", param_hint=which)
    if scope not in SCOPES:
        raise typer.BadParameter(f"it must be one of {', '.join(SCOPES)}.", param_hint="--scope")
    expires_at = _end(expires)
    with _keys(context) as keys:
        key, kept = keys.create(owner, name=name, scope=scope, expires_at=expires_at)
        time.sleep(KNOWN_AFTER_SECONDS)
    if as_json:
        output.say_json({"api_key": key, **asdict(kept)})
    else:
        output.say(key)
        output.warn(f"This key of {owner} is shown only now. To revoke it: {kept.key_id}.")


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List the keys' ids, owners, names, scopes and, to the hour, last uses; the keys themselves are nowhere kept."""
    with deployment(context) as deployed:
        from promptreel.operator.keys import uses_of  # noqa: PLC0415 - an extra, and slow to import

        found = _keys_of(deployed).list()
        uses = uses_of(deployed)
    if as_json:
        output.say_json([{**asdict(key), "used_at": uses.get(key.key_id)} for key in found])
    else:
        rows = [
            (
                key.key_id,
                key.owner,
                key.name,
                key.scope,
                _minute(key.created_at),
                _minute(uses.get(key.key_id, "never")),
                _ends(key),
            )
            for key in found
        ]
        times: output.Columns = {"CREATED": {"no_wrap": True}, "USED": {"no_wrap": True}, "EXPIRES": {"no_wrap": True}}
        output.say_table({"KEY ID": {"no_wrap": True}, "OWNER": {}, "NAME": {}, "SCOPE": {}, **times}, rows)


@app.command()
def rotate(
    context: typer.Context,
    key_id: KeyId,
    overlap: Annotated[
        str, typer.Option(metavar="TIME", help="How long the old key still works, such as 30m, 24h or 7d.")
    ] = "24h",
    expires: Expires = None,
    as_json: Json = False,
) -> None:
    """Make a key for the same as another one, which goes on working for a while, and print it, this once.

    It has the budget of the other one, and begins with what is used of that.
    """
    for_as_long = _span(overlap, "--overlap")
    expires_at = _end(expires)
    with deployment(context) as deployed:
        from promptreel.operator.budgets import budgets_of  # noqa: PLC0415 - an extra, and slow to import

        budgets = budgets_of(deployed)
        key, new, old = _keys_of(deployed).rotate(
            key_id, for_as_long, expires_at, first=lambda new_id: budgets.hand_over(key_id, new_id)
        )
        time.sleep(KNOWN_AFTER_SECONDS)
    if as_json:
        output.say_json({"api_key": key, **asdict(new), "replaces": asdict(old)})
    else:
        output.say(key)
        output.warn(
            f"This key of {new.owner} is shown only now. Key {old.key_id}, which it replaces, ends at {old.expires_at}."
        )


@app.command()
def revoke(context: typer.Context, key_id: KeyId, as_json: Json = False) -> None:
    """Revoke a key: it stops working within five minutes."""
    with _keys(context) as keys:
        revoked = keys.revoke(key_id)
    if as_json:
        output.say_json(asdict(revoked))
    else:
        output.say(f"Key {revoked.key_id} of {revoked.owner} is revoked; it stops working within five minutes.")


@contextmanager
def _keys(context: typer.Context) -> "Iterator[ApiKeys]":
    with deployment(context) as deployed:
        yield _keys_of(deployed)


def _keys_of(deployed: "Deployment") -> "ApiKeys":
    from promptreel.operator.keys import ApiKeys  # noqa: PLC0415 - an extra, and slow to import

    return ApiKeys(deployed.client("secretsmanager"), deployed.output("ApiKeysSecretArn"))


def _end(expires: str | None) -> datetime | None:
    return datetime.now(UTC) + _span(expires, "--expires") if expires else None


def _span(text: str, option: str) -> timedelta:
    span = span_of(text)
    if span is None:
        raise typer.BadParameter(f"{text!r} is no span of time: say 30m, 12h, 90d or 8w.", param_hint=option)
    return span


def _ends(key: "ApiKey") -> str:
    if key.expires_at is None:
        return "never"
    return "expired" if key.has_expired else _minute(key.expires_at)


def _minute(time: str) -> str:
    """As much of a time as a line has room for."""
    return time[:16]
