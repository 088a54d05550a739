"""reset: throw away all that the local cloud of this checkout holds, once it is told what that is."""

import json
import os
import sys
import time
from pathlib import Path

from core.archive.containers import CONTENT_TYPES
from local import services
from local.settings import Checkout, LocalCloudError, say


def note_provider(checkout: Checkout, url: str, *, is_simulator: bool) -> None:
    """Remember from when on the provider is this one: what it makes costs money, if it is no simulator."""
    periods = _periods(checkout)
    if not periods or periods[-1][1:] != (url, is_simulator):
        entry = {"since": time.time(), "url": url, "is_simulator": is_simulator}
        with _providers_path(checkout).open("a") as file:
            file.write(json.dumps(entry) + "\n")


def videos(checkout: Checkout) -> tuple[int, int]:
    """How many videos the local cloud holds, and how many of them came from a provider that takes money."""
    periods = _periods(checkout)
    # Beside each object the local AWS keeps a file of what it knows about it.
    videos = (path for one in CONTENT_TYPES for path in checkout.data.glob(f"s3/*/*/videos/*/video.{one}"))
    found = [path.stat().st_mtime for path in videos]
    paid = 0
    for archived_at in found:
        known = [is_simulator for since, _, is_simulator in periods if since <= archived_at]
        paid += not known or not known[-1]  # one of which nothing is known may have cost money
    return len(found), paid


def reset(checkout: Checkout, *, is_forced: bool) -> None:
    """Stop the local cloud and remove what it holds; asks on a terminal, else `is_forced` must be said."""
    if not checkout.data.exists():
        say("Nothing is there to throw away.")
        return
    count, paid = videos(checkout)
    say(
        f"This throws away what {os.path.relpath(checkout.state)} holds: {count} videos, {paid} of them"
        " paid for with a real key, all records, API keys and jobs that still run. What was saved in out/ stays."
    )
    if not is_forced:
        if not sys.stdin.isatty():
            raise LocalCloudError("Nothing was thrown away: say FORCE=1 where there is no terminal to ask on.")
        if input('Type "yes" to throw it away: ').strip() != "yes":
            raise LocalCloudError("Nothing was thrown away.")
    with services.lock(checkout):
        stopped = services.throw_away(checkout)
    for process in stopped:
        say(f"Stopped {process.name} (process {process.pid}, port {process.port}).")
    say("The local cloud is empty: make up starts a new one.")


def _periods(checkout: Checkout) -> list[tuple[float, str, bool]]:
    path = _providers_path(checkout)
    entries = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [(entry["since"], entry["url"], entry["is_simulator"]) for entry in entries]


def _providers_path(checkout: Checkout) -> Path:
    return checkout.data / "providers.jsonl"
