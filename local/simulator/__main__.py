"""`SIMULATOR_KEYS=<key>[,<key>] python -m local.simulator`: serve until SIGTERM or Ctrl-C."""

import argparse
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

from local.simulator.provider import Behaviour
from local.simulator.server import Simulator


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m local.simulator",
        description="The video provider's API with made-up videos: no AI involved.",
        epilog="The accepted API keys come from the environment variable SIMULATOR_KEYS, comma separated.",
    )
    parser.add_argument("--port", type=int, default=4571, help="on 127.0.0.1; 0 takes a free one (default: 4571)")
    parser.add_argument("--seconds", type=float, default=6, help="how long a generation takes (default: 6)")
    parser.add_argument("--link-lifetime", type=float, default=600, help="seconds a video's link lives (default: 600)")
    parser.add_argument("--jobs", type=Path, help="a file that keeps the jobs over a restart (default: none is kept)")
    arguments = parser.parse_args()
    keys = [key.strip() for key in os.environ.get("SIMULATOR_KEYS", "").split(",") if key.strip()]
    if not keys:
        sys.exit("The simulator accepts no API key yet: set SIMULATOR_KEYS to one or more, comma separated.")

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        behaviour = Behaviour(
            keys=keys, seconds=arguments.seconds, link_lifetime=arguments.link_lifetime, jobs=arguments.jobs
        )
        simulator = Simulator(behaviour, arguments.port)
    except (OSError, OverflowError) as error:
        sys.exit(f"The simulator cannot listen on 127.0.0.1:{arguments.port} ({error}): choose another --port.")
    with simulator, suppress(KeyboardInterrupt):
        sys.stdout.write(f"Provider simulator (no AI involved) at {simulator.url}\n")
        sys.stdout.flush()
        stop.wait()


if __name__ == "__main__":
    main()
