"""Serve the simulator until SIGTERM or Ctrl-C: `SIMULATOR_KEYS=<key>[,<key>] python -m local.simulator`."""

import argparse
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

from local.simulator.process import Behaviour
from local.simulator.server import Simulator


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m local.simulator",
        description="Serve the video provider's API with simulated videos. No AI is involved.",
        epilog="Set SIMULATOR_KEYS to the accepted API keys, separated by commas.",
    )
    parser.add_argument(
        "--port", type=int, default=4571, help="port on 127.0.0.1; 0 chooses a free one (default: 4571)"
    )
    parser.add_argument("--seconds", type=float, default=6, help="duration of a generation (default: 6)")
    parser.add_argument(
        "--link-lifetime", type=float, default=600, help="seconds until the link to a video expires (default: 600)"
    )
    parser.add_argument(
        "--jobs", type=Path, help="file that keeps the jobs across restarts (default: jobs are not kept)"
    )
    arguments = parser.parse_args()
    keys = [key.strip() for key in os.environ.get("SIMULATOR_KEYS", "").split(",") if key.strip()]
    if not keys:
        sys.exit("SIMULATOR_KEYS is not set. Set it to one or more API keys, separated by commas.")

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        behaviour = Behaviour(
            keys=keys, seconds=arguments.seconds, link_lifetime=arguments.link_lifetime, jobs=arguments.jobs
        )
        simulator = Simulator(behaviour, arguments.port)
    except (OSError, OverflowError) as error:
        sys.exit(f"The simulator cannot listen on 127.0.0.1:{arguments.port} ({error}). Choose another --port.")
    with simulator, suppress(KeyboardInterrupt):
        sys.stdout.write(f"Provider simulator (no AI involved) at {simulator.url}\n")
        sys.stdout.flush()
        stop.wait()


if __name__ == "__main__":
    main()
