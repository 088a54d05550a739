"""Accept a prompt file that was dropped in S3: one request, or a batch."""

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from botocore.exceptions import ClientError

from core.batches import prompt_file
from core.batches.encoding import as_utf8
from core.batches.identity import batch_id_for, file_id
from core.batches.placement import Placement
from core.batches.prompt_file import FileRow, Rules
from core.batches.record import Content, Existing
from core.batches.start import BatchChanged, BatchStart
from core.errors import (
    BudgetExceeded,
    ChoiceRequired,
    IdempotencyConflict,
    InvalidFile,
    InvalidRequest,
    PromptreelError,
    TooManyRejectedRows,
)
from core.generation import Failure, Source, digest, iso
from core.intake.accept import Envelope, Intake, Rejections

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

MAX_FILE_BYTES = 1 << 30  # the function stores a file twice: the original, and the staged rows
CHUNK_BYTES = 1 << 20
MOST_CONTENTS = 5  # of a batch that may arrive at once; then the message is delivered again


@dataclass(frozen=True)
class DroppedFile:
    """A version of an object in the prompts bucket. `version` is None where the bucket keeps no versions."""

    bucket: str
    key: str
    etag: str
    version: str | None

    @property
    def uri(self) -> str:
        """Return the file's URI, as AWS tools write it."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        """Return the name of the file without its folder."""
        return self.key.rpartition("/")[2]

    @property
    def rejected_id(self) -> str:
        """Return the id under which this version is recorded if it is rejected, the same for each of its events."""
        return digest("refused", f"{self.bucket}/{self.key}#{self.etag}#{self.version}")


@dataclass(frozen=True)
class FileIntake:
    """Accepts prompt files."""

    s3: "S3Client"
    default_model: str
    intake: Intake
    rejections: Rejections
    batches: BatchStart

    def accept(self, file: DroppedFile, owner: str) -> None:
        """Accept the request, or start the batch, in a file. Reject a file that cannot be read."""
        key_line = None
        try:
            found = self._open(file)
            key_line = found["Metadata"].get("key_line")
            self.batches.limit.check(owner, key_line)
            with tempfile.TemporaryFile() as copy:
                self._accept(file, copy, _copied(file, found, copy), owner)
        except TooManyRejectedRows as error:
            self._reject_unread(file, owner, key_line, error)
        except (InvalidRequest, InvalidFile) as error:
            self.batches.limit.count(owner, key_line, 1)
            self._reject(file.rejected_id, file, owner, error)
        except (BudgetExceeded, ChoiceRequired) as error:
            self._reject(file.rejected_id, file, owner, error)
        except IdempotencyConflict:
            deleted = InvalidFile("The generation of this file was deleted: change the file to run it again.")
            self._reject(file.rejected_id, file, owner, deleted)

    def _reject(self, rejected_id: str, file: DroppedFile, owner: str, error: PromptreelError) -> None:
        self.rejections.reject(error, Envelope(rejected_id, owner, Source("s3", file.uri)))

    def _reject_unread(self, file: DroppedFile, owner: str, key_line: str | None, error: PromptreelError) -> None:
        """Reject a file without reading it, because the limit of rejected rows is reached.

        Only the first of these files in an hour becomes a failed generation.
        """
        batch_id, records = batch_id_for(file.bucket, file.key), self.batches.records
        if batch := records.find(batch_id):
            records.unreadable(batch_id, Failure(type(error).__name__, str(error)))
            records.was_read(batch_id, batch.record.sent or "")
        self._reject(digest("refused", self.batches.limit.hourly(owner, key_line)), file, owner, error)

    def _accept(self, file: DroppedFile, copy: IO[bytes], content: Content, owner: str) -> None:
        if prompt_file.is_batch(file.key, copy):
            self._start_batch(file, copy, content, owner)
            return
        (row,) = self._read(file, copy, self.default_model, strict=content.strict)
        if row.request is None:
            raise InvalidRequest(str(row.problem))
        envelope = Envelope(
            file_id("request", file.bucket, file.key, content.sha256),
            owner,
            Source("s3", file.uri),
            label=row.label,
            key_line=content.key_line,
            strict=content.strict,
        )
        self.intake.accept(row.request, envelope)

    def _read(self, file: DroppedFile, copy: IO[bytes], default_model: str, *, strict: bool) -> Iterator[FileRow]:
        rules = Rules(self.batches.allow_local_webhooks, strict)
        return prompt_file.read(file.key, copy, self.intake.models, default_model, rules)

    def _start_batch(self, file: DroppedFile, copy: IO[bytes], content: Content, owner: str) -> None:
        """Start the batch. Read the file again if another run of it was created first."""
        if content.existing == Existing.ASK and self.rejections.knows(file.rejected_id):
            raise ChoiceRequired("This file was rejected before, and its owner was told that nothing starts.")
        batch_id, records = batch_id_for(file.bucket, file.key), self.batches.records
        fresh = records.new(batch_id, owner, file.name, file.uri, self.default_model)

        def read(default_model: str) -> Iterator[FileRow]:
            copy.seek(0)
            return self._read(file, copy, default_model or self.default_model, strict=content.strict)

        for _ in range(MOST_CONTENTS):
            batch = records.find(batch_id) or records.create(fresh)
            try:
                batch = Placement(self.batches, batch, file.bucket, file.key, content, read).place()
                self.batches.start(batch, content, read(batch.record.default_model or ""))
            except BatchChanged:
                continue
            except (InvalidFile, ChoiceRequired) as error:
                self.batches.reject(batch, content, error)
                records.was_read(batch_id, content.sha256)
                raise
            records.was_read(batch_id, content.sha256)
            return
        raise BatchChanged

    def _open(self, file: DroppedFile) -> "GetObjectOutputTypeDef":
        version = {"VersionId": file.version} if file.version else {}
        try:
            return self.s3.get_object(Bucket=file.bucket, Key=file.key, **version)  # type: ignore[arg-type]  # optional
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchVersion"):
                raise InvalidFile("The file was deleted before it was read: drop it again.") from None
            raise


def _copied(file: DroppedFile, found: "GetObjectOutputTypeDef", copy: IO[bytes]) -> Content:
    """Write the file to `copy`, set that to its beginning, and return what is known of the content."""
    if found["ContentLength"] > MAX_FILE_BYTES:
        raise InvalidFile(f"The file is larger than {MAX_FILE_BYTES} bytes: split it.")
    metadata, arrived_at = found["Metadata"], found["LastModified"]
    existing = metadata.get("existing")
    sha256 = hashlib.sha256()

    def chunks() -> Iterator[bytes]:
        for chunk in found["Body"].iter_chunks(CHUNK_BYTES):
            sha256.update(chunk)
            yield chunk

    for chunk in as_utf8(chunks(), metadata.get("encoding")):
        copy.write(chunk)
        if copy.tell() > MAX_FILE_BYTES:
            raise InvalidFile(f"The file is larger than {MAX_FILE_BYTES} bytes in UTF-8: split it.")
    copy.seek(0)
    return Content(
        ref=file.uri,
        sha256=sha256.hexdigest(),
        arrived_at=arrived_at,
        version=file.version or iso(arrived_at),
        requested_concurrency=metadata.get("max_concurrency", ""),
        key_line=metadata.get("key_line"),
        strict=metadata.get("strict") != "false",
        existing=existing if existing in set(Existing) else None,
    )
