"""Keep the accepted jobs in a file across restarts of the simulator, one job per line.

A real provider does not lose jobs when its servers restart, and clients ask for the jobs that they have paid for.
"""

import hashlib
import json
import threading
from collections.abc import Collection, Iterator
from dataclasses import asdict
from pathlib import Path

from local.simulator.clips import Clip
from local.simulator.generations import Generation
from local.simulator.logs import Entry


class JobFile:
    """The file of jobs. It contains hashes of the keys instead of the keys. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def load(self, keys: Collection[str]) -> Iterator[Entry]:
        """Yield the jobs in the order of acceptance. The key is empty for jobs of a key that is not in `keys`."""
        by_hash = {_hash(key): key for key in keys}
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:  # the last line, if the simulator was killed while it was writing
                continue
            job = entry["generation"]
            generation = Generation(**job | {"clip": Clip(**job["clip"])})
            yield Entry(by_hash.get(entry["key"], ""), generation, request_id=entry["request_id"])

    def add(self, entry: Entry) -> None:
        """Append a job. Call this before the job is visible to anyone."""
        line = {"key": _hash(entry.key), "generation": asdict(entry.generation), "request_id": entry.request_id}
        with self._lock, self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def clear(self) -> None:
        with self._lock:
            self._path.unlink(missing_ok=True)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
