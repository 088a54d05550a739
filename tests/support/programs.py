"""Check commands of the documentation without running them."""

import re

import botocore.session
from botocore import xform_name
from typer.testing import CliRunner

from infra.bundle import ROOT
from promptreel.commands import app

TARGETS = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
# What the AWS CLI adds to the operations of the services.
_ADDED = {
    ("cloudformation", "deploy"),
    ("cloudformation", "wait"),
    ("s3", "cp"),
    ("s3", "ls"),
    ("s3", "sync"),
    ("configure", "sso"),
}

_OF_EVERY_COMMAND = {"--query", "--output", "--region", "--notification-endpoint"}  # the last one is `sns subscribe`'s


def check(program: str, *arguments: str) -> None:
    """Raise AssertionError if promptreel, make or aws does not know a command or one of its options."""
    match program:
        case "promptreel":
            _check_promptreel(arguments)
        case "make":
            targets = [word for word in arguments if "=" not in word and not word.startswith("-")]
            assert {*targets} <= {*TARGETS}, f"make has no target {targets}"
        case "aws":
            _check_aws(*arguments)


def _check_promptreel(arguments: tuple[str, ...]) -> None:
    """The command line prints an error instead of the help if it does not know the command or an option."""
    shown = CliRunner().invoke(app, [*arguments, "--help"])
    assert shown.exit_code == 0, shown.output


def _check_aws(service: str, operation: str, *options: str) -> None:
    if (service, operation) in _ADDED:
        return
    service = {"s3api": "s3"}.get(service, service)  # the CLI's name for the operations
    session = botocore.session.get_session()
    assert service in session.get_available_services(), f"aws has no service {service}"
    model = session.get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in operations, f"aws {service} has no command {operation}"
    takes = model.operation_model(operations[operation]).input_shape
    members = takes.members.items() if takes else ()
    known = {f"--{xform_name(name, '-')}" for name, _ in members}
    known |= {f"--no-{xform_name(name, '-')}" for name, shape in members if shape.type_name == "boolean"}
    given = {option for option in options if option.startswith("--")}
    assert given <= known | _OF_EVERY_COMMAND, given - known
