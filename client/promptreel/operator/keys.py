"""The API keys of a deployment: one JSON object in one secret, changed so that two operators never lose a key."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.api import api_keys
from core.api.key_uses import KeyUses
from core.generation import iso
from promptreel.errors import PromptreelError
from promptreel.operator.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

ATTEMPTS = 20
MAX_BYTES = 65536  # what a secret holds
# A version is written under this label first; the label always moves, so no versions pile up under it.
PENDING = "PROMPTREEL_PENDING"
# The first version has the same name and content whoever writes it, so writing it twice is writing it once.
FIRST_VERSION = "promptreel-api-keys-first-version"


@dataclass(frozen=True)
class ApiKey:
    """A key as it is kept: the key itself is not."""

    key_id: str
    owner: str
    created_at: str
    name: str = ""
    scope: str = api_keys.ALL
    expires_at: str | None = None

    @classmethod
    def of(cls, key_id: str, record: dict[str, Any]) -> "ApiKey":
        """As the secret holds it; what it holds beside that is not shown."""
        return cls(key_id, **{name: record[name] for name in _SHOWN if name in record})

    @property
    def has_expired(self) -> bool:
        """Whether it is of no use any more."""
        return self.expires_at is not None and datetime.fromisoformat(self.expires_at) <= datetime.now(UTC)


_SHOWN = ("owner", "created_at", "name", "scope", "expires_at")


class ApiKeys:
    """The keys in the secret `secret_id`."""

    def __init__(self, secrets: "SecretsManagerClient", secret_id: str) -> None:
        self._secrets = secrets
        self._secret_id = secret_id

    def list(self) -> list[ApiKey]:
        """All keys, oldest first."""
        keys = [ApiKey.of(key_id, record) for key_id, record in self._read()[1].items()]
        return sorted(keys, key=lambda key: key.created_at)

    def create(
        self, owner: str, *, name: str = "", scope: str = api_keys.ALL, expires_at: datetime | None = None
    ) -> tuple[str, ApiKey]:
        """A new key of `owner`, which is nowhere kept, and what is kept of it."""
        key, entry = api_keys.issue(owner, datetime.now(UTC), name=name, scope=scope, expires_at=expires_at)
        self._change(lambda kept: kept | entry)
        [(key_id, record)] = entry.items()
        return key, ApiKey.of(key_id, record)

    def rotate(
        self,
        key_id: str,
        overlap: timedelta,
        expires_at: datetime | None = None,
        *,
        first: Callable[[str], None] = lambda _: None,
    ) -> tuple[str, ApiKey, ApiKey]:
        """A new key for the same as an older one, which ends after `overlap` if not before; and what both are now.

        `first` hears of the new key's id before the key works.
        """
        old = self.find(key_id)
        now = datetime.now(UTC)
        key, entry = api_keys.issue(old.owner, now, name=old.name, scope=old.scope, expires_at=expires_at)
        ends = iso(now + overlap)

        def change(kept: dict[str, Any]) -> dict[str, Any]:
            record = kept.get(key_id)
            if record is None:
                raise _no_key(key_id)
            return kept | {key_id: record | {"expires_at": min(ends, record.get("expires_at", ends))}} | entry

        [(new_id, record)] = entry.items()
        first(new_id)
        self._change(change)
        return key, ApiKey.of(new_id, record), self.find(key_id)

    def revoke(self, key_id: str) -> ApiKey:
        """Remove a key; what it was."""
        revoked = self.find(key_id)
        self._change(lambda kept: {other: record for other, record in kept.items() if other != key_id})
        return revoked

    def find(self, key_id: str) -> ApiKey:
        """The key of this id; `PromptreelError` if there is none."""
        found = next((key for key in self.list() if key.key_id == key_id), None)
        if found is None:
            raise _no_key(key_id)
        return found

    def _change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Compare and swap: AWSCURRENT moves to the new version only from the version that was read."""
        for _ in range(ATTEMPTS):
            version, kept = self._read()
            if version is None:
                self._secrets.put_secret_value(
                    SecretId=self._secret_id, SecretString="{}", ClientRequestToken=FIRST_VERSION
                )
                continue
            text = json.dumps(change(kept))
            if len(text) > MAX_BYTES:
                raise PromptreelError("The secret is full: revoke keys that are not used any more.")
            written = self._secrets.put_secret_value(
                SecretId=self._secret_id, SecretString=text, VersionStages=[PENDING]
            )["VersionId"]
            try:
                self._secrets.update_secret_version_stage(
                    SecretId=self._secret_id,
                    VersionStage="AWSCURRENT",
                    RemoveFromVersionId=version,
                    MoveToVersionId=written,
                )
            except (
                self._secrets.exceptions.InvalidParameterException,  # the label is elsewhere by now
                self._secrets.exceptions.ResourceNotFoundException,  # the version is gone by now
            ):
                continue  # somebody else was faster
            return
        raise PromptreelError("The API keys are being changed by others all the time: try again.")

    def _read(self) -> tuple[str | None, dict[str, Any]]:
        try:
            found = self._secrets.get_secret_value(SecretId=self._secret_id, VersionStage="AWSCURRENT")
        except self._secrets.exceptions.ResourceNotFoundException:
            return None, {}
        return found["VersionId"], json.loads(found["SecretString"])


def _no_key(key_id: str) -> PromptreelError:
    return PromptreelError(f"There is no API key {key_id}: `promptreel keys list` shows their ids.")


def uses_of(deployed: Deployment) -> dict[str, str]:
    """Return the last use of each key by its id, in ISO 8601."""
    uses = KeyUses(deployed.client("dynamodb"), deployed.output("MoneyTableName"), lambda: datetime.now(UTC))
    return uses.latest()
