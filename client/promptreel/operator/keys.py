"""Manage the API keys of a deployment. They are one JSON object in a secret, safe for concurrent changes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
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
class KeySettings:
    """The settings of a key. Only those that are not the default are stored."""

    short_links: bool = False  # whether `video.url` is a short link
    repeat_window: str | None = None  # in seconds: equal requests within it are one job

    def on(self, record: api_keys.KeyRecord) -> api_keys.KeyRecord:
        """Return the record of a key with these settings."""
        stored = {"short_links": api_keys.YES if self.short_links else None, "repeat_window": self.repeat_window}
        others = {name: value for name, value in record.items() if name not in stored}
        return others | {name: value for name, value in stored.items() if value}


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
    repeat_window: str | None = None  # in seconds: equal requests within it are one job

    @classmethod
    def of(cls, key_id: str, record: dict[str, Any]) -> "ApiKey":
        """Read the record from the secret, without its other fields such as the hash."""
        shown = {name: record[name] for name in _SHOWN if name in record}
        return cls(key_id, **{"line": key_id, **shown, "short_links": api_keys.has_short_links(record)})

    @property
    def settings(self) -> KeySettings:
        """Return the settings of the key."""
        return KeySettings(self.short_links, self.repeat_window)

    def lifetime(self) -> timedelta | None:
        """Return how long the key works after its creation, or None if it does not expire."""
        if self.expires_at is None:
            return None
        return datetime.fromisoformat(self.expires_at) - datetime.fromisoformat(self.created_at)

    @property
    def has_expired(self) -> bool:
        """Return whether the key has expired."""
        return self.expires_at is not None and datetime.fromisoformat(self.expires_at) <= datetime.now(UTC)


_SHOWN = ("owner", "created_at", "name", "scope", "expires_at", "line", "repeat_window")


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
        settings: KeySettings = KeySettings(),
    ) -> tuple[str, ApiKey]:
        """Create a key for `owner`. Return the key, which is not stored, and its record."""
        key, entry = api_keys.issue(owner, datetime.now(UTC), name=name, scope=scope, expires_at=expires_at)
        [(key_id, record)] = entry.items()
        record = settings.on(record)
        self._change(lambda kept: kept | {key_id: record})
        return key, ApiKey.of(key_id, record)

    def rotate(self, key_id: str, overlap: timedelta, expires_at: datetime | None = None) -> tuple[str, ApiKey, ApiKey]:
        """Create a replacement for a key, which expires after `overlap` unless it expires sooner.

        The replacement is in the same line and so has the same budget. It has the old key's settings and, without
        `expires_at`, its lifetime. Return the new key, its record, and the record of the old key.
        """
        old = self.find(key_id)
        now = datetime.now(UTC)
        if expires_at is None and (lifetime := old.lifetime()):
            expires_at = now + lifetime
        key, entry = api_keys.issue(old.owner, now, name=old.name, scope=old.scope, expires_at=expires_at)
        ends = iso(now + overlap)

        def change(kept: dict[str, Any]) -> dict[str, Any]:
            record = kept.get(key_id)
            if record is None:
                raise _no_key(key_id)
            return kept | {key_id: record | {"expires_at": min(ends, record.get("expires_at", ends))}, new_id: new}

        [(new_id, issued)] = entry.items()
        new = old.settings.on(issued | {"line": old.line})
        self._change(change)
        return key, ApiKey.of(new_id, new), self.find(key_id)

    def set_short_links(self, key_id: str, *, short_links: bool) -> ApiKey:
        """Turn short links on or off for a key, and return its record."""

        def change(kept: dict[str, Any]) -> dict[str, Any]:
            if key_id not in kept:
                raise _no_key(key_id)
            settings = replace(ApiKey.of(key_id, kept[key_id]).settings, short_links=short_links)
            return kept | {key_id: settings.on(kept[key_id])}

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


def _no_key(key_id: str) -> PromptreelError:
    return PromptreelError(f"There is no API key {key_id}: run `promptreel keys list` to see the ids.")


def uses_of(deployed: Deployment) -> dict[str, str]:
    """Return the last use of each key by its id, in ISO 8601."""
    uses = KeyUses(deployed.client("dynamodb"), deployed.output("MoneyTableName"), lambda: datetime.now(UTC))
    return uses.latest()
