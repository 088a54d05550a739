"""The command line: one module for each group of commands."""

from promptreel.commands import (
    batch,
    budgets,
    console,
    create,
    doctor,
    erase,
    export,
    generations,
    importing,
    keys,
    links,
    listing,
    logs,
    models,
    reconcile,
    rescue,
    restore,
    secret,
    usage,
    webhooks,
)
from promptreel.commands.options import app

app.command()(create.create)
app.command()(generations.get)
app.command("list")(listing.list_)
app.command("open")(generations.open_)
app.command()(generations.download)
app.command()(links.link)
app.command()(console.console)
app.command()(generations.cancel)
app.command()(generations.delete)
app.command()(models.models)
app.add_typer(batch.app, name="batch")
app.command()(usage.usage)
app.add_typer(webhooks.app, name="webhooks")

OPERATORS = "Commands for operators, with AWS credentials"
app.command(rich_help_panel=OPERATORS)(doctor.doctor)
app.command(rich_help_panel=OPERATORS)(logs.logs)
app.command(rich_help_panel=OPERATORS)(logs.redrive)
app.add_typer(budgets.app, name="budgets", rich_help_panel=OPERATORS)
app.add_typer(keys.app, name="keys", rich_help_panel=OPERATORS)
app.add_typer(secret.app, name="secret", rich_help_panel=OPERATORS)
app.command(rich_help_panel=OPERATORS)(rescue.rescue)
app.command(rich_help_panel=OPERATORS)(rescue.resolve)
app.command(rich_help_panel=OPERATORS)(reconcile.reconcile)
app.command("import", rich_help_panel=OPERATORS)(importing.import_)
app.command(rich_help_panel=OPERATORS)(export.export)
app.command(rich_help_panel=OPERATORS)(erase.erase)
app.command(rich_help_panel=OPERATORS)(restore.restore)

__all__ = ["app"]
