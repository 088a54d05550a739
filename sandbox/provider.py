"""Make the simulator's API work without state: ids, prompts and a table take the place of the process's memory."""

import hmac
import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from local.simulator.account import PAID_IN, Account, Movement
from local.simulator.clips import Clip
from local.simulator.generations import Generation, Generations
from local.simulator.logs import Entry, RequestLog
from local.simulator.provider import Parts, Provider
from local.simulator.scripts import ApiBehaviour, Listed, Script, Scripts
from sandbox.directives import link_of, script_of
from sandbox.identity import new_id, read_id
from sandbox.renditions import BROKEN, MISSING, rendition_of
from sandbox.table import EVER, Table

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

GENERATION_SECONDS = 6
LINK_SECONDS = 600
WRONG_HOST_SECONDS = 20  # after the end, so that a rescue can succeed later
WRONG_HOST = "https://videos.example.com/output.mp4"


def sandbox_provider(key: str, table: Table, bucket: "Bucket", input_hosts: Collection[str]) -> Provider:
    """Return the provider that accepts this key."""
    scripts = PromptScripts(table)
    generations = StatelessGenerations(scripts, table)
    parts = Parts(
        scripts=scripts,
        generations=generations,
        request_log=TableLog(scripts, generations, table, key),
        account=StatelessAccount(scripts, generations),
        files=RenderedBefore(bucket, generations),
    )
    return Provider([key], parts, input_hosts)


def secret_of(key: str) -> bytes:
    """Return the secret of ids, which is not the key itself."""
    return hmac.digest(key.encode(), b"ids of the sandbox", "sha256")


def receiver_of(key: str) -> str:
    """Return the name under which the sandbox receives webhooks, which only those with the key know."""
    return hmac.digest(key.encode(), b"webhooks of the sandbox", "sha256").hex()[:32]


class PromptScripts(Scripts):
    """The scripts that prompts themselves contain."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self._table = table

    def get(self, prompt: str) -> Script:
        return script_of(prompt)

    def take_api(self, prompt: str, step: Literal["create", "fetch"]) -> ApiBehaviour:
        behaviours = self.get(prompt).get(step, [])
        if not behaviours:
            return {}
        if (behaviours[0] or {}).get("repeat"):
            return behaviours[0] or {}
        calls = self._table.count(prompt)
        return (behaviours[calls] if calls < len(behaviours) else None) or {}

    def take_call(self, of: Listed) -> ApiBehaviour:  # noqa: ARG002 - the sandbox's lists never fail
        return {}


class StatelessGenerations(Generations):
    """Generations whose ids contain them. The table has those that were accepted."""

    def __init__(self, scripts: Scripts, table: Table) -> None:
        super().__init__(scripts, GENERATION_SECONDS, table.now)
        self._table = table

    def draft(self, clip: Clip, client_request_id: str | None, fault: str | None = None) -> Generation:
        drafted = super().draft(clip, client_request_id, fault)
        return replace(drafted, id=new_id(self._table.secret, drafted))

    def add(self, generation: Generation) -> bool:  # noqa: ARG002 - the log keeps it
        return True

    def get(self, generation_id: str) -> Generation | None:
        return read_id(self._table.secret, generation_id)

    def all(self) -> list[Generation]:
        return [generation for generation, _ in self._table.between(0, EVER)]


class TableLog(RequestLog):
    """The request log in the table. It has no rate limit, and all rows belong to the one key."""

    def __init__(self, scripts: Scripts, generations: Generations, table: Table, key: str) -> None:
        super().__init__(scripts, generations)
        self._table = table
        self._key = key

    def add(self, entry: Entry) -> None:
        self._table.add(entry)

    def admit(self, key: str) -> bool:  # noqa: ARG002
        return True

    def _between(self, start: datetime, end: datetime) -> list[Entry]:
        found = self._table.between(start.timestamp(), end.timestamp())
        return [Entry(self._key, generation, request_id=request_id) for generation, request_id in found]


class StatelessAccount(Account):
    """An account with the initial payment and the charges for the generations in the table."""

    def clear(self) -> None:
        self._others = [Movement(0, "PAYMENT", -PAID_IN, "0" * 32, None)]


@dataclass(frozen=True)
class Bucket:
    """The bucket of the rendered videos."""

    s3: "S3Client"
    name: str

    def link(self, key: str) -> str:
        """Return a presigned link, which supports ranges."""
        where = {"Bucket": self.name, "Key": key}
        return self.s3.generate_presigned_url("get_object", Params=where, ExpiresIn=LINK_SECONDS)

    def size(self, key: str) -> int:
        """Return the size of an object in bytes."""
        return self.s3.head_object(Bucket=self.name, Key=key)["ContentLength"]


class RenderedBefore:
    """Links to videos that were rendered at deployment, or to something else if the prompt says so."""

    def __init__(self, bucket: Bucket, generations: Generations) -> None:
        self._bucket = bucket
        self._generations = generations

    def link(self, generation: Generation) -> str:
        match link_of(generation.clip.prompt):
            case "wrong host" if self._generations.clock() < self._ends_at(generation) + WRONG_HOST_SECONDS:
                return WRONG_HOST
            case "missing video":
                return self._bucket.link(MISSING)
            case "broken video":
                return self._bucket.link(BROKEN)
        return self._bucket.link(rendition_of(generation.clip))

    def size(self, generation: Generation) -> int:
        return self._bucket.size(rendition_of(generation.clip))

    def _ends_at(self, generation: Generation) -> float:
        ends_at = self._generations.ends_at(generation)
        return ends_at if ends_at < math.inf else 0
