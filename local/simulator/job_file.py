"""The file that keeps the accepted jobs over a restart of the simulator, one a line.

A provider does not forget a job because its server was started anew, and who paid for one will ask for it.
"""

import hashlib
import json
import threading
from collections.abc import Collection, Iterator
from dataclasses import asdict
from pathlib import Path

from local.simulator.generations import Generation
from local.simulator.logs import Entry
from local.simulator.videos import Clip


class JobFile:
    """Thread-safe. It tells the keys apart by their hashes and holds none of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def load(self, keys: Collection[str]) -> Iterator[Entry]:
        """What is in the file, in the order of acceptance; of another key than `keys`, without its owner."""
        by_hash = {_hash(key): key for key in keys}
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:  # the last one, if the simulator was killed in the middle of it
                continue
            job = entry["generation"]
            generation = Generation(**job | {"clip": Clip(**job["clip"])})
            yield Entry(by_hash.get(entry["key"], ""), generation, request_id=entry["request_id"])

    def add(self, entry: Entry) -> None:
        """Write it, as long as nobody knows of it."""
        line = {"key": _hash(entry.key), "generation": asdict(entry.generation), "request_id": entry.request_id}
        with self._lock, self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def clear(self) -> None:
        with self._lock:
            self._path.unlink(missing_ok=True)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
