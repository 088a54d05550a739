"""The API keys of a deployment: one JSON object in one secret, changed so that two operators never lose a key."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from core.api import api_keys
from promptreel.errors import PromptreelError

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


class ApiKeys:
    """The keys in the secret `secret_id`."""

    def __init__(self, secrets: "SecretsManagerClient", secret_id: str) -> None:
        self._secrets = secrets
        self._secret_id = secret_id

    def list(self) -> list[ApiKey]:
        """All keys, oldest first."""
        keys = [ApiKey(key_id, kept["owner"], kept["created_at"]) for key_id, kept in self._read()[1].items()]
        return sorted(keys, key=lambda key: key.created_at)

    def create(self, owner: str) -> tuple[str, ApiKey]:
        """A new key of `owner`, which is nowhere kept, and what is kept of it."""
        key, entry = api_keys.issue(owner, datetime.now(UTC))
        self._change(lambda kept: kept | entry)
        [(key_id, record)] = entry.items()
        return key, ApiKey(key_id, record["owner"], record["created_at"])

    def revoke(self, key_id: str) -> ApiKey:
        """Remove a key; what it was."""
        revoked = next((key for key in self.list() if key.key_id == key_id), None)
        if revoked is None:
            raise PromptreelError(f"There is no API key {key_id}: `promptreel keys list` shows their ids.")
        self._change(lambda kept: {other: record for other, record in kept.items() if other != key_id})
        return revoked

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
