"""The command line: `promptreel`, or `python -m promptreel`."""

import sys
from collections.abc import Sequence

from promptreel.commands import app
from promptreel.commands.output import warn
from promptreel.errors import BatchTimeout, ConfigurationError, PromptreelError, Unauthorized, WaitTimeout


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Print a failure as one sentence on stderr and return an exit code that `--help` lists."""
    try:
        app(arguments)
    except (PromptreelError, OSError) as error:
        warn(" ".join([_said(error), *getattr(error, "__notes__", [])]))
        return exit_code(error)
    return 0


def _said(error: Exception) -> str:
    """Return the error as a sentence. Errors of the system have a number, which nobody needs."""
    if isinstance(error, OSError) and error.strerror:
        return f"{f'{error.filename}: ' if error.filename else ''}{error.strerror}."
    return str(error)


def exit_code(error: Exception) -> int:
    """Return the exit code of an error, so that scripts can distinguish the causes."""
    match error:
        case ConfigurationError() | Unauthorized():
            return 3
        case WaitTimeout() | BatchTimeout():
            return 4
        case _:
            return 1


if __name__ == "__main__":
    sys.exit(main())
