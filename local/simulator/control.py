"""Control the simulator from tests with typed calls to `/_simulator/...`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from local.simulator.calls import Call, Counts

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Unpack

    from local.simulator.scripts import ApiBehaviour, Script

TIMEOUT_SECONDS = 30


class SimulatorControl:
    """Controls the simulator at `url`. Every method raises requests.RequestException if the call fails."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def script(self, prompt: str, **script: Unpack[Script]) -> None:
        """Set the script of all generations with exactly this prompt, old and new (see scripts.py)."""
        self._call("POST", "scripts", {"prompt": prompt, **script})

    def script_logs(self, *behaviours: ApiBehaviour | None) -> None:
        """Set the behaviours of the next calls for the request log. Without behaviours, calls are normal again."""
        self._call("PUT", "logs", {"behaviours": behaviours})

    def log_others(self, count: int, model: str = "veo2") -> None:
        """Add this many rows of other requests to the log of every accepted key, with the current time."""
        self._call("POST", "others", {"count": count, "model": model})

    def script_transactions(self, *behaviours: ApiBehaviour | None) -> None:
        """Set the behaviours of the next calls for transactions. Without behaviours, calls are normal again."""
        self._call("PUT", "transactions", {"behaviours": behaviours})

    def charge_others(self, credits_used: int | None = None, *, model: str = "veo2", logged: bool = True) -> str:
        """Charge the account now for a request of someone else, and return its id. With `logged`, it is in the log of
        every accepted key."""
        charge = {"credits": credits_used, "model": model, "logged": logged}
        return str(self._call("POST", "charges", charge)["reference_id"])

    def rotate(self, keys: Collection[str]) -> None:
        """Accept only these API keys."""
        self._call("PUT", "keys", {"keys": list(keys)})

    def capacity(self, in_flight: int | None) -> None:
        """Answer create calls with 429 while this many generations are in flight. None removes the limit."""
        self._call("PUT", "capacity", {"in_flight": in_flight})

    def log_limit(self, calls: int | None) -> None:
        """Answer a key with 429 after this many calls for the log in 60 seconds. None removes the limit."""
        self._call("PUT", "log_limit", {"calls": calls})

    def reset(self) -> None:
        """Restore the initial state: no generations, scripts, calls or limits, and the initial keys."""
        self._call("POST", "reset")

    def calls(self) -> list[Call]:
        """Return the requests for the provider's API and for files, oldest first."""
        return [Call(**call) for call in self._call("GET", "calls")]

    def counts(self) -> Counts:
        return Counts(**self._call("GET", "counts"))

    def _call(self, method: str, name: str, body: dict[str, Any] | None = None) -> Any:
        url = f"{self.url}/_simulator/{name}"
        response = requests.request(method, url, json=body, timeout=TIMEOUT_SECONDS)
        response.raise_for_status()
        return response.json()
