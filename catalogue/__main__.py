"""Write functions/core/models/ from a checkout of the provider's reference: `python -m catalogue SOURCE`."""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "functions"))

from catalogue.build import write  # noqa: E402 - core is found only now
from catalogue.corrections import Stale  # noqa: E402
from catalogue.house import Unreadable  # noqa: E402


def main() -> int:
    """Return 0 if everything was written, and 1 if nothing was."""
    if len(sys.argv) != 2 or not sys.argv[1]:  # noqa: PLR2004 - the program and the source
        print("usage: make models SOURCE=<a checkout of the provider's reference>", file=sys.stderr)  # noqa: T201
        return 2
    try:
        problems = write(Path(sys.argv[1]), ROOT / "functions" / "core" / "models")
    except (Stale, Unreadable) as error:
        print(f"Nothing was written. {error}", file=sys.stderr)  # noqa: T201
        return 1
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
