"""The command line: `promptreel`, or `python -m promptreel`."""

import sys
from collections.abc import Sequence

from promptreel.commands import app
from promptreel.commands.output import warn
from promptreel.errors import BatchTimeout, ConfigurationError, PromptreelError, Unauthorized, WaitTimeout


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a failure is one sentence on stderr and one of the exit codes that `--help` tells."""
    try:
        app(arguments)
    except (PromptreelError, OSError) as error:
        warn(" ".join([str(error), *getattr(error, "__notes__", [])]))
        return exit_code(error)
    return 0


def exit_code(error: Exception) -> int:
    """What a program that calls the command line can tell apart."""
    match error:
        case ConfigurationError() | Unauthorized():
            return 3
        case WaitTimeout() | BatchTimeout():
            return 4
        case _:
            return 1


if __name__ == "__main__":
    sys.exit(main())
