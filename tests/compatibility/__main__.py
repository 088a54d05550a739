"""Try all clients on a separate local cloud and write docs/compatibility.md: `python -m tests.compatibility`."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from local.settings import isolate
from tests.compatibility import samples
from tests.compatibility.clients import CASES, CLIENTS, ROOT, Client
from tests.compatibility.cloud import own_cloud
from tests.compatibility.report import report
from tests.compatibility.repositories import fetch
from tests.compatibility.trial import Trial, attempt
from tests.support.local_cloud import LocalCloud

PAGE = ROOT / "docs" / "compatibility.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.compatibility", description=__doc__)
    parser.add_argument("--source", type=Path, help="a checkout of the provider's reference, whose samples are sent")
    parser.add_argument("--only", default="", help="try only the clients with this text in their names; write no page")
    arguments = parser.parse_args()
    isolate(os.environ)
    chosen = [client for client in CLIENTS if arguments.only in client.name]
    read = samples.read(arguments.source) if arguments.source else None
    with own_cloud(".local/compatibility") as cloud:
        trials = list(_trials(cloud, chosen))
        sent = samples.send(cloud, read) if read else None
    missing = [one for one in trials if one.is_missing]
    if arguments.only or missing:
        _say("docs/compatibility.md was not written, because not everything was tried.")
    else:
        PAGE.write_text(report(trials, sent, PAGE.read_text() if PAGE.exists() else ""))
    sys.exit(1 if any(one.problems for one in trials) or (sent and sent.ours) else 0)


def _trials(cloud: LocalCloud, clients: list[Client]) -> Iterator[Trial]:
    for client in clients:
        for case in (case for case in CASES if case in client.models):
            trial = _trial(cloud, client, case)
            _say(f"{client.name} {client.version} ({client.language}), {case}: {trial}")
            yield trial


def _trial(cloud: LocalCloud, client: Client, case: str) -> Trial:
    if sys.version_info < client.python:
        version = ".".join(map(str, client.python))
        return Trial(client, case, (f"it needs Python {version}: set PYTHON in a fresh checkout",), is_missing=True)
    try:
        checkout = fetch(client.repository, ROOT / ".local" / "repositories") if client.repository else None
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["git failed"])[-1]
        return Trial(client, case, (f"its repository could not be fetched: {last}",), is_missing=True)
    with TemporaryDirectory() as folder:
        return attempt(cloud, client, case, Path(folder), checkout)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
