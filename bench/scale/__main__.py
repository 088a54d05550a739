"""Measure throughput and scale: `python -m bench.scale [--quick]`.

`--rows 10000`, `--owners 40 --jobs 50` or `--rush 200 10000` runs a single measurement. `--rates 1 10` simulates these
rates against AWS's quotas, as docs/scale.md shows them.
"""

import argparse
import json
import sys

from bench import scale
from bench.scale import ceilings, cloud, slots


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=scale.__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, for a quick check")
    parser.add_argument("--rows", type=int, help="only one batch with this many rows on the local cloud")
    parser.add_argument("--owners", type=int, help="only this many owners on the local cloud ...")
    parser.add_argument("--jobs", type=int, default=50, help="... with this many jobs each (default: 50)")
    parser.add_argument(
        "--rush", type=int, nargs=2, metavar=("LIMIT", "JOBS"), help="only this many jobs for this many slots"
    )
    parser.add_argument("--keep", action="store_true", help="keep the result of a single measurement for the page")
    parser.add_argument("--rates", type=float, nargs="+", metavar="RATE", help="only the simulation, of jobs a second")
    arguments = parser.parse_args()
    if arguments.rates:
        simulated = {f"{rate:g}": ceilings.simulate(rate) for rate in arguments.rates}
        sys.stdout.write(json.dumps(simulated, indent=2) + "\n")
        return
    if arguments.rows or arguments.owners or arguments.rush:
        if arguments.rush:
            name, found = f"rush{arguments.rush[1]}", slots.rush(*arguments.rush)
        else:
            with cloud.cloud() as running:
                if arguments.rows:
                    name, found = f"rows{arguments.rows}", cloud.batch(running, arguments.rows)
                else:
                    name = f"owners{arguments.owners}"
                    found = cloud.crowd(running, arguments.owners, arguments.jobs)
        if arguments.keep:
            scale.keep(name, found)
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        sys.stdout.write(scale.page(scale.measure(arguments.quick)) + "\n")


if __name__ == "__main__":
    main()
