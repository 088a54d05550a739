"""Manage the API keys of a deployment. They are one JSON object in a secret, safe for concurrent changes."""

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
MAX_BYTES = 65536  # the limit of Secrets Manager
# New versions are written under this label first. It moves each time, so abandoned versions lose it and are deleted.
PENDING = "PROMPTREEL_PENDING"
# The first version always has the same token and content, so two operators can write it at the same time.
FIRST_VERSION = "promptreel-api-keys-first-version"


@dataclass(frozen=True)
class ApiKey:
    """The record of a key, without the key itself."""

    key_id: str
    owner: str
    created_at: str
    name: str = ""
    scope: str = api_keys.ALL
    expires_at: str | None = None
    line: str = ""  # the id of the first key of its line, whose keys share a budget
    short_links: bool = False  # whether `video.url` is a short link

    @classmethod
    def of(cls, key_id: str, record: dict[str, Any]) -> "ApiKey":
        """Read the record from the secret, without its other fields such as the hash."""
        shown = {name: record[name] for name in _SHOWN if name in record}
        return cls(key_id, **{"line": key_id, **shown, "short_links": api_keys.has_short_links(record)})

    @property
    def has_expired(self) -> bool:
        """Return whether the key has expired."""
        return self.expires_at is not None and datetime.fromisoformat(self.expires_at) <= datetime.now(UTC)


_SHOWN = ("owner", "created_at", "name", "scope", "expires_at", "line")


class ApiKeys:
    """The API keys in a secret."""

    def __init__(self, secrets: "SecretsManagerClient", secret_id: str) -> None:
        self._secrets = secrets
        self._secret_id = secret_id

    def list(self) -> list[ApiKey]:
        """Return all keys, oldest first."""
        keys = [ApiKey.of(key_id, record) for key_id, record in self._read()[1].items()]
        return sorted(keys, key=lambda key: key.created_at)

    def create(
        self,
        owner: str,
        *,
        name: str = "",
        scope: str = api_keys.ALL,
        expires_at: datetime | None = None,
        short_links: bool = False,
    ) -> tuple[str, ApiKey]:
        """Create a key for `owner`. Return the key, which is not stored, and its record."""
        key, entry = api_keys.issue(owner, datetime.now(UTC), name=name, scope=scope, expires_at=expires_at)
        [(key_id, record)] = entry.items()
        entry = {key_id: _with_short_links(record, short_links)}
        self._change(lambda kept: kept | entry)
        [record] = entry.values()
        return key, ApiKey.of(key_id, record)

    def rotate(self, key_id: str, overlap: timedelta, expires_at: datetime | None = None) -> tuple[str, ApiKey, ApiKey]:
        """Create a replacement for a key, which expires after `overlap` unless it expires sooner.

        The replacement is in the same line and so has the same budget. Return the new key, its record, and the record
        of the old key.
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
        record["line"] = old.line
        record = entry[new_id] = _with_short_links(record, old.short_links)
        self._change(change)
        return key, ApiKey.of(new_id, record), self.find(key_id)

    def set_short_links(self, key_id: str, *, short_links: bool) -> ApiKey:
        """Turn short links on or off for a key, and return its record."""

        def change(kept: dict[str, Any]) -> dict[str, Any]:
            if key_id not in kept:
                raise _no_key(key_id)
            return kept | {key_id: _with_short_links(kept[key_id], short_links)}

        self._change(change)
        return self.find(key_id)

    def end(self, owner: str) -> tuple[ApiKey, ...]:
        """Let all keys of an owner expire now, and return them. Those that have expired stay unchanged."""
        now = iso(datetime.now(UTC))

        def change(kept: dict[str, Any]) -> dict[str, Any]:
            return {
                key_id: record | {"expires_at": min(now, record.get("expires_at", now))}
                if record["owner"] == owner
                else record
                for key_id, record in kept.items()
            }

        if any(key.owner == owner and not key.has_expired for key in self.list()):
            self._change(change)
        return tuple(key for key in self.list() if key.owner == owner)

    def forget(self, owner: str) -> None:
        """Delete the records of an owner's keys, also from the previous version of the secret."""
        if any(key.owner == owner for key in self.list()):
            self._change(lambda kept: {one: record for one, record in kept.items() if record["owner"] != owner})
        if owner in self._owners_before():
            self._change(lambda kept: kept)  # the version without the owner's keys becomes the previous one

    def _owners_before(self) -> set[str]:
        try:
            found = self._secrets.get_secret_value(SecretId=self._secret_id, VersionStage="AWSPREVIOUS")
        except self._secrets.exceptions.ResourceNotFoundException:
            return set()
        return {record["owner"] for record in json.loads(found["SecretString"]).values()}

    def revoke(self, key_id: str) -> ApiKey:
        """Delete a key, and return its record."""
        revoked = self.find(key_id)
        self._change(lambda kept: {other: record for other, record in kept.items() if other != key_id})
        return revoked

    def line_of(self, key_id: str) -> str | None:
        """Return the line of a key, or None if it does not exist. The first key of a line may have been revoked."""
        keys = self.list()
        line = next((key.line for key in keys if key.key_id == key_id), key_id)
        return line if any(key.line == line for key in keys) else None

    def find(self, key_id: str) -> ApiKey:
        """Return the key with this id. Raise `PromptreelError` if it does not exist."""
        found = next((key for key in self.list() if key.key_id == key_id), None)
        if found is None:
            raise _no_key(key_id)
        return found

    def _change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Change the keys with compare-and-swap: move AWSCURRENT only if it is still on the version that was read."""
        for _ in range(ATTEMPTS):
            version, kept = self._read()
            if version is None:
                self._secrets.put_secret_value(
                    SecretId=self._secret_id, SecretString="{}", ClientRequestToken=FIRST_VERSION
                )
                continue
            text = json.dumps(change(kept))
            if len(text) > MAX_BYTES:
                raise PromptreelError("The secret is full: revoke unused keys.")
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
                self._secrets.exceptions.InvalidParameterException,  # the label has moved
                self._secrets.exceptions.ResourceNotFoundException,  # the version was deleted
            ):
                continue  # another operator was faster
            return
        raise PromptreelError("Other operators are changing the API keys: try again.")

    def _read(self) -> tuple[str | None, dict[str, Any]]:
        try:
            found = self._secrets.get_secret_value(SecretId=self._secret_id, VersionStage="AWSCURRENT")
        except self._secrets.exceptions.ResourceNotFoundException:
            return None, {}
        return found["VersionId"], json.loads(found["SecretString"])


def _with_short_links(record: api_keys.KeyRecord, short_links: bool) -> api_keys.KeyRecord:
    """Return the record of a key with this setting, which is stored only if it is on."""
    others = {name: value for name, value in record.items() if name != "short_links"}
    return others | ({"short_links": api_keys.YES} if short_links else {})


def _no_key(key_id: str) -> PromptreelError:
    return PromptreelError(f"There is no API key {key_id}: run `promptreel keys list` to see the ids.")


def uses_of(deployed: Deployment) -> dict[str, str]:
    """Return the last use of each key by its id, in ISO 8601."""
    uses = KeyUses(deployed.client("dynamodb"), deployed.output("MoneyTableName"), lambda: datetime.now(UTC))
    return uses.latest()
