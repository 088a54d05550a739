"""Run `reset`: show what data the local cloud of this checkout contains, ask, and delete it."""

import json
import os
import sys
import time
from pathlib import Path

from core.archive.containers import CONTENT_TYPES
from local import services
from local.settings import Checkout, LocalCloudError, say


def note_provider(checkout: Checkout, url: str, *, is_simulator: bool) -> None:
    """Record that this provider is used from now on. Its videos cost money unless it is the simulator."""
    periods = _periods(checkout)
    if not periods or periods[-1][1:] != (url, is_simulator):
        entry = {"since": time.time(), "url": url, "is_simulator": is_simulator}
        with _providers_path(checkout).open("a") as file:
            file.write(json.dumps(entry) + "\n")


def videos(checkout: Checkout) -> tuple[int, int]:
    """Return the number of stored videos, and how many of them may have cost money."""
    periods = _periods(checkout)
    # The local AWS stores each object's metadata in another file.
    videos = (path for one in CONTENT_TYPES for path in checkout.data.glob(f"s3/*/*/videos/*/video.{one}"))
    found = [path.stat().st_mtime for path in videos]
    paid = 0
    for archived_at in found:
        known = [is_simulator for since, _, is_simulator in periods if since <= archived_at]
        paid += not known or not known[-1]  # a video of an unknown provider may have cost money
    return len(found), paid


def reset(checkout: Checkout, *, is_forced: bool) -> None:
    """Stop the local cloud and delete its data. Ask the user to confirm unless `is_forced`.

    Raise LocalCloudError if the user does not confirm, or cannot be asked without a terminal."""
    if not checkout.data.exists():
        say("Nothing to delete.")
        return
    count, paid = videos(checkout)
    say(
        f"This deletes all data in {os.path.relpath(checkout.state)}: all records, API keys and running jobs, and all"
        f" videos ({count}; {paid} may have cost money). The videos in out/ are kept."
    )
    if not is_forced:
        if not sys.stdin.isatty():
            raise LocalCloudError(
                "Nothing was deleted, because confirmation needs a terminal. Set FORCE=1 to delete anyway."
            )
        if input('Type "yes" to delete all of it: ').strip() != "yes":
            raise LocalCloudError('Nothing was deleted, because the answer was not "yes".')
    with services.lock(checkout):
        stopped = services.throw_away(checkout)
    for process in stopped:
        say(f"Stopped {process.name} (process {process.pid}, port {process.port}).")
    say("The local cloud is empty. Run make up to start a new one.")


def _periods(checkout: Checkout) -> list[tuple[float, str, bool]]:
    path = _providers_path(checkout)
    entries = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [(entry["since"], entry["url"], entry["is_simulator"]) for entry in entries]


def _providers_path(checkout: Checkout) -> Path:
    return checkout.data / "providers.jsonl"
