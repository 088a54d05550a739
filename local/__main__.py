"""Run the local cloud's commands: `python -m local up|demo|status|down|reset`. The Makefile calls them."""

import argparse
import os
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from requests import RequestException

from local.demo import DEFAULT_PROMPT, StoppedWatching, demo
from local.reset import reset
from local.settings import Checkout, LocalCloudError, Settings, isolate, say
from local.up import down, status, summary, up


def main() -> int:
    """Run one command and return its exit code. On failure print one sentence to stderr and return 1."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start and deploy the local cloud, and keep it running")
    commands.add_parser("status", help="show what is running")
    commands.add_parser("down", help="stop the local cloud and keep its data")
    commands.add_parser(
        "reset", help="stop the local cloud and delete its data (asks first; FORCE=1 skips the question)"
    )
    prompt = commands.add_parser("demo", help="run one prompt from end to end").add_argument
    prompt("prompt", nargs="?", help="what to generate (default: $PROMPT, or an example)")
    arguments = parser.parse_args()

    checkout = Checkout(Path(__file__).resolve().parent.parent)
    try:
        settings = Settings.read(os.environ)
        isolate(os.environ)
        match arguments.command:
            case "up":
                say(summary(checkout, up(checkout, settings)))
            case "down":
                down(checkout)
            case "reset":
                reset(checkout, is_forced=os.environ.get("FORCE") == "1")
            case "status":
                status(checkout)
            case "demo":
                text = arguments.prompt or os.environ.get("PROMPT") or DEFAULT_PROMPT
                is_verbose = os.environ.get("VERBOSE") == "1"
                return demo(checkout, up(checkout, settings), text, is_verbose=is_verbose)
    except LocalCloudError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (RequestException, BotoCoreError, ClientError) as error:
        sys.stderr.write(
            f"The local cloud returned an unexpected response ({error}). See .local/ministack.log. Run make down and"
            " try again; if that does not help, make reset starts over without data.\n"
        )
        return 1
    except BrokenPipeError:  # the reader has closed the pipe, as in `make demo | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except StoppedWatching as interrupted:
        sys.stderr.write(f"\n{interrupted}\n")
        return 130
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. Run make down to stop the local cloud.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
