"""Keys over HTTP: those of the caller's owner, and when each was used and ends. A hash is shown to nobody."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.api.api_keys import ALL, KeyRecord
from core.api.http import Answer, Request, as_json
from core.secrets import Secret


@dataclass(frozen=True)
class KeyApi:
    """What a user may know of API keys."""

    secret: Secret
    last_uses: Callable[[], dict[str, str]]  # by the keys' ids

    def list(self, request: Request) -> Answer:
        """The owner's keys, the newest first; a key whose scope is not `all` sees itself alone."""
        owner = request.owner
        records: dict[str, KeyRecord] = json.loads(self.secret.text() or "{}")
        seen = {
            key_id: record
            for key_id, record in records.items()
            if record["owner"] == owner and (request.scope == ALL or key_id == request.key_id)
        }
        uses = self.last_uses()
        shown = [_shown(key_id, record, uses.get(key_id), request.key_id) for key_id, record in seen.items()]
        return as_json({"data": sorted(shown, key=lambda one: str(one["created_at"]), reverse=True)})


def _shown(key_id: str, record: KeyRecord, used_at: str | None, own: str | None) -> dict[str, Any]:
    return {
        "id": key_id,
        "name": record.get("name"),
        "scope": record.get("scope", ALL),
        "created_at": record["created_at"],
        "expires_at": record.get("expires_at"),
        "used_at": used_at,
        "is_yours": key_id == own,
    }
