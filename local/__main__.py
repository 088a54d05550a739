"""The local cloud's command line: `python -m local up|demo|status|down|reset`; the Makefile calls it."""

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
    """Run one command; a failure is one sentence on stderr and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start and deploy the local cloud, and leave it running")
    commands.add_parser("status", help="tell what runs")
    commands.add_parser("down", help="stop what up or demo started; what it holds stays")
    commands.add_parser("reset", help="stop it, and throw away what it holds (asks; $FORCE=1 does not)")
    prompt = commands.add_parser("demo", help="one prompt from end to end").add_argument
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
                return demo(checkout, up(checkout, settings), text)
    except LocalCloudError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (RequestException, BotoCoreError, ClientError) as error:
        sys.stderr.write(
            f"The local cloud does not answer as it should ({error}): see .local/ministack.log,"
            " then make down and try again; make reset begins anew.\n"
        )
        return 1
    except BrokenPipeError:  # who reads has seen enough, as in `make demo | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except StoppedWatching as interrupted:
        sys.stderr.write(f"\n{interrupted}\n")
        return 130
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped by you; make down stops what still runs.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
