"""Keys over HTTP: the keys of the caller's owner, with their last use and expiry, and without their hashes."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.api.api_keys import ALL, KeyRecord, has_short_links
from core.secrets import Secret


@dataclass(frozen=True)
class KeyApi:
    """Lists API keys."""

    secret: Secret
    last_uses: Callable[[], dict[str, str]]  # by the keys' ids

    def list(self, owner: str, own: str | None, scope: str) -> dict[str, Any]:
        """Return the owner's keys, newest first. `own` is the id of the caller's key.

        Unless its scope is `all`, the caller's key sees only itself.
        """
        records: dict[str, KeyRecord] = json.loads(self.secret.text() or "{}")
        seen = {
            key_id: record
            for key_id, record in records.items()
            if record["owner"] == owner and (scope == ALL or key_id == own)
        }
        uses = self.last_uses()
        shown = [_shown(key_id, record, uses.get(key_id), own) for key_id, record in seen.items()]
        return {"data": sorted(shown, key=lambda one: str(one["created_at"]), reverse=True)}


def _shown(key_id: str, record: KeyRecord, used_at: str | None, own: str | None) -> dict[str, Any]:
    return {
        "id": key_id,
        "line": record.get("line", key_id),
        "name": record.get("name"),
        "scope": record.get("scope", ALL),
        "short_links": has_short_links(record),
        "created_at": record["created_at"],
        "expires_at": record.get("expires_at"),
        "repeat_window": int(record["repeat_window"]) if "repeat_window" in record else None,
        "used_at": used_at,
        "is_yours": key_id == own,
    }
