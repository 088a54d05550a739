"""Export everything of an owner: records, videos, inputs, files of prompts and reports, with a manifest.

A file appears under its name only after its length and SHA-256 were checked. An export that is repeated reads only what
is missing or has changed. Names of files are made here, from ids and from letters and digits of the owner's names.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile
from typing import IO, Any, Protocol
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from core.api.money import as_lines
from core.archive.retention import Retention
from core.generation import Generation, iso
from core.inputs.files import UPLOADS
from core.money.usage import Usage
from core.owners import own_folder, owner_of_file
from core.publish.views import as_archived_record
from core.records.ledger import Ledger
from core.records.table import AT_ONCE, BATCH_KEY, BY_OWNER, KEY, Item
from core.webhooks.records import WebhookRecords
from promptreel.errors import PromptreelError
from promptreel.generation import ID_DIGITS
from promptreel.operator.budgets import budgets_of
from promptreel.operator.deployment import Deployment
from promptreel.operator.keys import ApiKeys
from promptreel.operator.tables import items
from promptreel.results import prepare, slug

MANIFEST, MARK = "manifest.jsonl", "export.json"
JOURNAL = ".promptreel-export.jsonl"  # what a folder holds, and which version of the object each file is
PART = ".part-"  # the beginning of a temporary file's name
CHUNK_BYTES = 1 << 20
FIRST_DAY = date(2020, 1, 1)  # before any deployment
_GONE = {"NoSuchKey", "404", "NoSuchVersion"}


@dataclass(frozen=True)
class Kept:
    """A file of an export: its SHA-256, and the ETag of the object that it was read from."""

    sha256: str
    etag: str


class Target(Protocol):
    """The place of an export."""

    def begin(self, owner: str) -> None:
        """Mark the place as this owner's. Raise `PromptreelError` if it is another one's."""

    def kept(self, name: str) -> Kept | None:
        """Return a file that is complete, or None."""

    def part(self) -> IO[bytes]:
        """Return a temporary file, which has a name."""

    def save(self, name: str, part: IO[bytes], kept: Kept) -> None:
        """Make the temporary file the file of this name."""


class Folder:
    """A folder of this computer."""

    def __init__(self, folder: Path) -> None:
        prepare(folder)
        self._folder = folder
        self._kept: dict[str, Kept] = {}

    def begin(self, owner: str) -> None:
        """Read the journal, and begin one for this owner in an empty folder."""
        path = self._folder / JOURNAL
        first, *lines = path.read_text("utf-8").splitlines() if path.exists() else [""]
        if not first and any(one for one in self._folder.iterdir() if one != path):
            raise PromptreelError(f"{self._folder} contains other files: choose an empty folder, or that of an export.")
        if not first:
            self._write({"owner": owner})
        elif _parsed(first).get("owner") != owner:
            raise PromptreelError(f"{self._folder} contains the export of another owner: choose another folder.")
        for part in self._folder.glob(f"{PART}*"):  # of an export that was interrupted
            part.unlink()
        for line in map(_parsed, lines):  # the last one may be cut off
            with suppress(KeyError):
                self._kept[line["file"]] = Kept(line["sha256"], line["etag"])

    def kept(self, name: str) -> Kept | None:
        """Return a file if its content has not changed since it was saved."""
        kept, path = self._kept.get(name), self._folder / name
        if kept is None or not path.is_file():
            return None
        with path.open("rb") as file:
            return kept if hashlib.file_digest(file, "sha256").hexdigest() == kept.sha256 else None

    def part(self) -> IO[bytes]:
        """Return a temporary file in the folder, so that it can be renamed."""
        return NamedTemporaryFile(dir=self._folder, prefix=PART, delete=False)

    def save(self, name: str, part: IO[bytes], kept: Kept) -> None:
        """Rename the temporary file, then add it to the journal."""
        part.close()
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Path(part.name).replace(path)
        self._write({"file": name, **asdict(kept)})
        self._kept[name] = kept

    def _write(self, line: dict[str, Any]) -> None:
        with (self._folder / JOURNAL).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


class Bucket:
    """A prefix of a bucket."""

    def __init__(self, s3: Any, bucket: str, prefix: str) -> None:
        self._s3, self._bucket = s3, bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def begin(self, owner: str) -> None:
        """Mark the prefix with the owner's name."""
        place = {"Bucket": self._bucket, "Key": self._prefix + MARK}
        try:
            found = json.loads(self._s3.get_object(**place)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            self._s3.put_object(**place, Body=json.dumps({"owner": owner}).encode())
        else:
            if found.get("owner") != owner:
                raise PromptreelError("The prefix contains the export of another owner: choose another prefix.")

    def kept(self, name: str) -> Kept | None:
        """Return a file by its metadata, which `save` writes."""
        try:
            found = self._s3.head_object(Bucket=self._bucket, Key=self._prefix + name)["Metadata"]
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return None
        return Kept(found["sha256"], found["etag"]) if {"sha256", "etag"} <= found.keys() else None

    def part(self) -> IO[bytes]:
        """Return a temporary file of this computer."""
        return NamedTemporaryFile(suffix=".part", delete=False)

    def save(self, name: str, part: IO[bytes], kept: Kept) -> None:
        """Upload the temporary file. S3 checks what arrives."""
        part.close()
        more = {"Metadata": asdict(kept), "ChecksumAlgorithm": "SHA256"}
        self._s3.upload_file(part.name, self._bucket, self._prefix + name, ExtraArgs=more)
        Path(part.name).unlink()


@dataclass
class Outcome:
    """The numbers of an export, and its problems."""

    generations: int = 0
    running: int = 0  # of the generations
    files: int = 0
    new: int = 0  # of the files
    bytes: int = 0  # of the new files
    problems: list[str] = field(default_factory=list)


class Export:
    """Exports one owner of a deployment."""

    def __init__(self, deployed: Deployment, owner: str, target: Target, now: Callable[[], datetime]) -> None:
        self._deployed, self._owner, self._target, self._now = deployed, owner, target, now
        self._dynamodb, self._s3 = deployed.client("dynamodb"), deployed.client("s3")
        self._videos, self._prompts = deployed.output("VideosBucketName"), deployed.output("PromptsBucketName")
        self._file_owners = tuple(one for one in deployed.output("FileOwners").split(",") if "=" in one)
        self._ledger = Ledger(self._dynamodb, deployed.output("TableName"), now)
        self._retention = Retention.of(deployed.output("VideoRules").split(","))
        self.outcome = Outcome()

    def run(self, on_progress: Callable[[Outcome], None] = lambda _: None) -> Outcome:
        """Write everything that is missing, and then the manifest."""
        self._target.begin(self._owner)
        part = self._target.part()
        sha256 = hashlib.sha256()
        try:
            for line in self._lines():
                text = json.dumps(line, ensure_ascii=False).encode() + b"\n"
                sha256.update(text)
                part.write(text)
                on_progress(self.outcome)
            self._target.save(MANIFEST, part, Kept(sha256.hexdigest(), ""))
        finally:
            part.close()
            Path(part.name).unlink(missing_ok=True)
        return self.outcome

    def _lines(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of the manifest, each after its files were written."""
        yield self._of_owner()
        found = self._ledger.table.query(BY_OWNER, self._owner)
        while keys := list(islice(found, AT_ONCE)):
            for generation in self._ledger.find([key[KEY] for key in keys]).values():
                if generation and generation.owner == self._owner:
                    yield self._of_generation(generation)
        yield from self._of_batches()
        for one in self._objects(self._prompts, ""):
            if owner_of_file(self._file_owners, one["Key"]) == self._owner:
                name = f"files/{hashlib.sha256(one['Key'].encode()).hexdigest()[:12]}-{_plain(one['Key'])}"
                yield {"kind": "file", "key": one["Key"], **self._object(self._prompts, one, name)}
        folder = own_folder(self._owner, UPLOADS)
        for one in self._objects(self._videos, folder):
            name = _plain(one["Key"])
            yield {"kind": "upload", "id": name, **self._object(self._videos, one, f"uploads/{name}")}

    def _of_owner(self) -> dict[str, Any]:
        """Return the owner's keys, budgets, sums and webhooks, without secrets, hashes, and addresses of webhooks."""
        keys = ApiKeys(self._deployed.client("secretsmanager"), self._deployed.output("ApiKeysSecretArn"))
        usage, today = Usage(self._dynamodb, self._deployed.output("MoneyTableName")), self._now().date()
        budgets = (one for one in budgets_of(self._deployed).of(self._owner, None) if one.scope != "all")
        return {
            "kind": "owner",
            "owner": self._owner,
            "exported_at": self._now().astimezone(UTC).isoformat(timespec="seconds"),
            "keys": [asdict(key) for key in keys.list() if key.owner == self._owner],
            "budgets": [line for budget in budgets for line in as_lines(budget)],
            "usage": {
                by: [one.as_dict(by) for one in usage.of(self._owner, by, FIRST_DAY, today)]
                for by in ("model", "tag", "key")
            }
            | {"batch": [one.as_dict("batch") for one in usage.of_batches(self._owner)]},
            "webhooks": list(self._deliveries()),
        }

    def _deliveries(self) -> Iterator[dict[str, Any]]:
        records = WebhookRecords(self._dynamodb, self._deployed.output("WebhooksTableName"), self._now)
        cursor: str | None = None
        while True:
            found, cursor = records.of_owner(self._owner, cursor, 100)
            for one in found:
                shown = {name: value for name, value in asdict(one).items() if name not in ("url", "body", "owner")}
                yield {**{name: _text(value) for name, value in shown.items()}, "host": urlsplit(one.url).hostname}
            if cursor is None:
                return

    def _of_generation(self, generation: Generation) -> dict[str, Any]:
        which, video, hook = _plain(generation.generation_id), generation.video, generation.webhook
        self.outcome.generations += 1
        self.outcome.running += not generation.status.ended
        record = as_archived_record(generation)
        record["webhook"] = hook and {"host": urlsplit(hook.url).hostname, "events": hook.events}
        line: dict[str, Any] = {"kind": "generation", "id": which, "record": record, "file": None, "inputs": []}
        expires_at = self._retention.expires_at(generation)
        if expires_at and expires_at <= self._now():
            line["expired_at"] = iso(expires_at)
        elif video:
            name = f"generations/{which}/video{_suffix(video.key)}"
            found = {"Key": video.key, "Size": video.size, "ETag": ""}
            line |= self._object(video.bucket, found, name, video.sha256)
        if any(given.key for given in generation.given or ()):
            folder = f"videos/{generation.generation_id}/inputs/"
            for one in self._objects(self._videos, folder):
                name = f"generations/{which}/inputs/{_plain(one['Key'])}"
                line["inputs"].append(self._object(self._videos, one, name))
        return line

    def _of_batches(self) -> Iterator[dict[str, Any]]:
        """Yield the batches with their runs and rejected rows, whose keys begin with its id, and their reports."""
        batches: dict[str, dict[str, Any]] = {}
        for item in self._items():
            if item.get("owner") == self._owner and "of_batch" not in item:
                batches[item[BATCH_KEY]] = {"record": item, "runs": [], "rejected": []}
        for item in self._items() if batches else ():
            kind = "runs" if "of_batch" in item else "rejected" if "problem" in item else None
            if kind and item[BATCH_KEY][:ID_DIGITS] in batches:
                batches[item[BATCH_KEY][:ID_DIGITS]][kind].append(item)
        for which, batch in batches.items():
            folder, name = f"results/{which}/", f"batches/{_plain(which)}/"
            files = []
            for one in self._objects(self._videos, folder):
                inside = [_plain(part) for part in one["Key"].removeprefix(folder).split("/")]
                files.append(self._object(self._videos, one, name + "/".join(inside)))
            yield {"kind": "batch", "id": which, **batch, "files": files}

    def _items(self) -> Iterator[Item]:
        """Return all items of the table of batches."""
        for item in items(self._dynamodb, self._deployed.output("BatchesTableName")):
            yield {name: value for name, value in item.items() if name != "last_write"}

    def _objects(self, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from page.get("Contents", [])

    def _object(self, bucket: str, found: dict[str, Any], name: str, sha256: str | None = None) -> dict[str, Any]:
        """Write an object to a file unless that is there. Return the file's name, size and SHA-256."""
        kept = self._target.kept(name)
        is_current = kept is not None and (kept.sha256 == sha256 if sha256 else kept.etag == found["ETag"])
        if not is_current:
            try:
                kept = self._copied(bucket, found, name, sha256)
            except (PromptreelError, ClientError) as error:
                if isinstance(error, ClientError) and error.response["Error"]["Code"] not in _GONE:
                    raise
                reason = str(error) if isinstance(error, PromptreelError) else f"{found['Key']} does not exist."
                self.outcome.problems.append(reason)
                return {"file": None, "problem": reason}
            self.outcome.new += 1
            self.outcome.bytes += found["Size"]
        self.outcome.files += 1
        return {"file": name, "size": found["Size"], "sha256": kept and kept.sha256}

    def _copied(self, bucket: str, found: dict[str, Any], name: str, sha256: str | None) -> Kept:
        answer = self._s3.get_object(Bucket=bucket, Key=found["Key"])
        read_sha256, size, part = hashlib.sha256(), 0, self._target.part()
        try:
            for chunk in answer["Body"].iter_chunks(CHUNK_BYTES):
                read_sha256.update(chunk)
                size += part.write(chunk)
            kept = Kept(read_sha256.hexdigest(), answer["ETag"])
            if size != answer["ContentLength"] or (sha256 and kept.sha256 != sha256):
                raise PromptreelError(f"{found['Key']} differs from its record: its SHA-256 is another one.")
            self._target.save(name, part, kept)
        finally:
            part.close()
            Path(part.name).unlink(missing_ok=True)
        return kept


def target_of(deployed: Deployment, place: str) -> Target:
    """Return the folder or the bucket that `place` names. Raise `PromptreelError` for a bucket of the deployment."""
    if not place.startswith("s3://"):
        return Folder(Path(place))
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    if not bucket or bucket in (deployed.output("VideosBucketName"), deployed.output("PromptsBucketName")):
        raise PromptreelError("Export to another bucket than those of the deployment: s3://BUCKET/PREFIX.")
    return Bucket(deployed.client("s3"), bucket, prefix)


def _plain(key: str) -> str:
    """Return the last part of a key as the name of a file: letters, digits and dashes, and a short suffix."""
    name = PurePosixPath(key.rpartition("/")[2] or "file")
    return (slug(name.stem) or "file") + _suffix(key)


def _suffix(key: str) -> str:
    suffix = PurePosixPath(key.rpartition("/")[2]).suffix
    return suffix if suffix[1:].isascii() and suffix[1:].isalnum() and len(suffix) < 8 else ""  # noqa: PLR2004


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _parsed(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
