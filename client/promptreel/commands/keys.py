"""keys: manage the API's keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from promptreel._text import UNPRINTABLE
from promptreel.commands import output
from promptreel.commands.options import Json, deployment, span_of
from promptreel.commands.tables import Column, say_table

if TYPE_CHECKING:
    from promptreel.operator.deployment import Deployment
    from promptreel.operator.keys import ApiKey, ApiKeys

app = typer.Typer(help="Create, list, change, rotate and revoke API keys.", no_args_is_help=True)

_COLUMNS = (
    Column("KEY ID"),
    Column("OWNER", least=12),
    Column("NAME", least=12),
    Column("SCOPE"),
    Column("CREATED"),
    Column("USED"),
    Column("EXPIRES"),
    Column("LINKS"),
)
SCOPES = ("read", "create", "all")
KeyId = Annotated[
    str, typer.Argument(metavar="KEY_ID", help="The key's id; see `promptreel keys list`.", show_default=False)
]
Expires = Annotated[
    str | None,
    typer.Option(
        "--expires", metavar="TIME", help="When the key expires, such as 12h, 90d or 8w from now.", show_default=False
    ),
]


@app.command()
def create(
    context: typer.Context,
    owner: Annotated[
        str,
        typer.Argument(
            metavar="OWNER", help="The key's owner. Owners see only their own generations.", show_default=False
        ),
    ],
    name: Annotated[str, typer.Option(metavar="NAME", help="A note on what the key is for.", show_default=False)] = "",
    scope: Annotated[
        str,
        typer.Option(
            metavar="SCOPE",
            help="Permissions: read (view and download), create (also generate videos), all (also cancel, delete, "
            "and manage the webhook secret).",
        ),
    ] = "all",
    expires: Expires = None,
    short_links: Annotated[
        bool, typer.Option("--short-links", help="Return short links as `video.url`, which work until revoked.")
    ] = False,
    repeat_window: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Treat equal requests within this time, such as 10m, as one job. At most 1d.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a key and print it. It is shown only once, because only its hash is stored."""
    for text, which in ((owner, "OWNER"), (name, "--name")):
        if UNPRINTABLE.search(text) or (which == "OWNER" and not text.strip()):
            raise typer.BadParameter("it must be a name without control characters.", param_hint=which)
    if scope not in SCOPES:
        raise typer.BadParameter(f"it must be one of {', '.join(SCOPES)}.", param_hint="--scope")
    expires_at = _end(expires)
    window = _span(repeat_window, "--repeat-window") if repeat_window else timedelta()
    if window > timedelta(days=1):
        raise typer.BadParameter("it must be at most 1d.", param_hint="--repeat-window")
    with _keys(context) as keys:
        from promptreel.operator.keys import KeySettings  # noqa: PLC0415 - an extra, and slow to import

        settings = KeySettings(short_links, str(int(window.total_seconds())) if window else None)
        key, kept = keys.create(owner, name=name, scope=scope, expires_at=expires_at, settings=settings)
    if as_json:
        output.say_json({"api_key": key, **asdict(kept)})
    else:
        output.say(key)
        output.warn(f"Copy this key for {owner} now; it is not shown again. Its id is {kept.key_id}.")


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List keys by id, with owner, name, scope and last use (to the hour). The keys themselves are not stored."""
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
                "short" if key.short_links else "",
            )
            for key in found
        ]
        say_table(_COLUMNS, rows, "There are no keys. Create one with: promptreel keys create OWNER")


@app.command("set")
def set_(
    context: typer.Context,
    key_id: KeyId,
    short_links: Annotated[
        bool,
        typer.Option("--short-links/--no-short-links", help="Whether `video.url` is a short link.", show_default=False),
    ],
    as_json: Json = False,
) -> None:
    """Change a key. The change takes effect within five minutes."""
    with _keys(context) as keys:
        changed = keys.set_short_links(key_id, short_links=short_links)
    if as_json:
        output.say_json(asdict(changed))
    else:
        state = "on" if changed.short_links else "off"
        output.say(f"Short links of key {changed.key_id} will be {state} within five minutes.")


@app.command()
def rotate(
    context: typer.Context,
    key_id: KeyId,
    overlap: Annotated[
        str, typer.Option(metavar="TIME", help="How long the old key keeps working, such as 30m, 24h or 7d.")
    ] = "24h",
    expires: Expires = None,
    as_json: Json = False,
) -> None:
    """Replace a key: print a new one, and let the old one expire after the overlap.

    The new key is shown only once. It has the old key's owner, name, scope and settings, and shares its budget. Without
    `--expires`, it lives as long as the old key was meant to live.
    """
    for_as_long = _span(overlap, "--overlap")
    expires_at = _end(expires)
    with deployment(context) as deployed:
        key, new, old = _keys_of(deployed).rotate(key_id, for_as_long, expires_at)
    if as_json:
        output.say_json({"api_key": key, **asdict(new), "replaces": asdict(old)})
    else:
        output.say(key)
        output.warn(
            f"Copy this key for {new.owner} now; it is not shown again. The old key {old.key_id} expires at "
            f"{old.expires_at}."
        )


@app.command()
def revoke(context: typer.Context, key_id: KeyId, as_json: Json = False) -> None:
    """Revoke a key. It stops working within five minutes."""
    with _keys(context) as keys:
        revoked = keys.revoke(key_id)
    if as_json:
        output.say_json(asdict(revoked))
    else:
        output.say(f"Revoked key {revoked.key_id} of {revoked.owner}. It stops working within five minutes.")


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
        raise typer.BadParameter(f"{text!r} is not a duration: use 30m, 12h, 90d or 8w.", param_hint=option)
    return span


def _ends(key: "ApiKey") -> str:
    if key.expires_at is None:
        return "never"
    return "expired" if key.has_expired else _minute(key.expires_at)


def _minute(time: str) -> str:
    """Return a timestamp cut to the minute."""
    return time[:16].replace("T", " ")
