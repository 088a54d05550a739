"""keys: who may use the API."""

from dataclasses import asdict
from typing import Annotated

import typer

from promptreel.commands import output
from promptreel.commands.options import Json, deployment

app = typer.Typer(help="Make, list and revoke the API's keys.", no_args_is_help=True)


@app.command()
def create(
    context: typer.Context,
    owner: Annotated[
        str,
        typer.Argument(
            metavar="OWNER", help="Whose key it is: an owner sees only its own generations.", show_default=False
        ),
    ],
    as_json: Json = False,
) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    if not owner.strip() or not owner.isprintable():
        raise typer.BadParameter("it must be a name of printable characters.", param_hint="OWNER")
    with deployment(context) as deployed:
        from promptreel.operator.keys import ApiKeys  # noqa: PLC0415 - an extra, and slow to import

        key, kept = ApiKeys(deployed.client("secretsmanager"), deployed.output("ApiKeysSecretArn")).create(owner)
    if as_json:
        output.say_json({"api_key": key, **asdict(kept)})
    else:
        output.say(key)
        output.warn(f"This key of {owner} is shown only now; it works within a minute. To revoke it: {kept.key_id}.")


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List the keys' ids and owners; the keys themselves are nowhere kept."""
    with deployment(context) as deployed:
        from promptreel.operator.keys import ApiKeys  # noqa: PLC0415 - an extra, and slow to import

        found = ApiKeys(deployed.client("secretsmanager"), deployed.output("ApiKeysSecretArn")).list()
    if as_json:
        output.say_json([asdict(key) for key in found])
    else:
        rows = [(key.key_id, key.owner, key.created_at) for key in found]
        output.say_table({"KEY ID": {}, "OWNER": {}, "CREATED": {"no_wrap": True}}, rows)


@app.command()
def revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="See keys list.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Revoke a key: it stops working within five minutes."""
    with deployment(context) as deployed:
        from promptreel.operator.keys import ApiKeys  # noqa: PLC0415 - an extra, and slow to import

        revoked = ApiKeys(deployed.client("secretsmanager"), deployed.output("ApiKeysSecretArn")).revoke(key_id)
    if as_json:
        output.say_json(asdict(revoked))
    else:
        output.say(f"Key {revoked.key_id} of {revoked.owner} is revoked; it stops working within five minutes.")
