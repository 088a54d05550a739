"""Accept a prompt file that was dropped in S3: one request, or a batch."""

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from botocore.exceptions import ClientError

from core.batches import prompt_file
from core.batches.identity import batch_id_for, file_id
from core.batches.prompt_file import FileRow
from core.batches.start import BatchChanged, BatchStart, Content
from core.errors import BudgetExceeded, IdempotencyConflict, InvalidFile, InvalidRequest
from core.generation import Source, digest
from core.intake.accept import Envelope, Intake, Rejections

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

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
        rejected = Envelope(file.rejected_id, owner, Source("s3", file.uri))
        try:
            with tempfile.TemporaryFile() as copy:
                self._accept(file, copy, self._download(file, copy), owner)
        except (InvalidRequest, InvalidFile, BudgetExceeded) as error:
            self.rejections.reject(error, rejected)
        except IdempotencyConflict:
            deleted = InvalidFile("The generation of this file was deleted: change the file to run it again.")
            self.rejections.reject(deleted, rejected)

    def _accept(self, file: DroppedFile, copy: IO[bytes], content: Content, owner: str) -> None:
        if prompt_file.is_batch(file.key, copy):
            self._start_batch(file, copy, content, owner)
            return
        (row,) = self._read(file, copy, self.default_model)
        if row.request is None:
            raise InvalidRequest(str(row.problem))
        envelope = Envelope(
            file_id("request", file.bucket, file.key, content.sha256),
            owner,
            Source("s3", file.uri),
            label=row.label,
            key_line=content.key_id,
        )
        self.intake.accept(row.request, envelope)

    def _read(self, file: DroppedFile, copy: IO[bytes], default_model: str) -> Iterator[FileRow]:
        local = self.batches.allow_local_webhooks
        return prompt_file.read(file.key, copy, self.intake.models, default_model, local_webhooks=local)

    def _start_batch(self, file: DroppedFile, copy: IO[bytes], content: Content, owner: str) -> None:
        """Start the batch. Read the file again if other content of it was recorded first."""
        batch_id, records = batch_id_for(file.bucket, file.key), self.batches.records
        for _ in range(MOST_CONTENTS):
            copy.seek(0)
            found = records.find(batch_id)
            fresh = records.new(batch_id, owner, file.name, file.uri, self.default_model)
            default_model = (found and found.default_model) or self.default_model
            rows = self._read(file, copy, default_model)
            try:
                try:
                    self.batches.start(found, fresh, content, rows)
                except InvalidFile as error:
                    self.batches.reject(found, fresh, error)
                    raise
            except BatchChanged:
                continue
            return
        raise BatchChanged

    def _download(self, file: DroppedFile, copy: IO[bytes]) -> Content:
        """Write the file to `copy`, set that to its beginning, and return what is known of the content."""
        version = {"VersionId": file.version} if file.version else {}
        try:
            found = self.s3.get_object(Bucket=file.bucket, Key=file.key, **version)  # type: ignore[arg-type]  # optional
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchVersion"):
                raise InvalidFile("The file was deleted before it was read: drop it again.") from None
            raise
        if found["ContentLength"] > MAX_FILE_BYTES:
            raise InvalidFile(f"The file is larger than {MAX_FILE_BYTES} bytes: split it.")
        sha256 = hashlib.sha256()
        for chunk in found["Body"].iter_chunks(CHUNK_BYTES):
            sha256.update(chunk)
            copy.write(chunk)
        copy.seek(0)
        metadata = found["Metadata"]
        return Content(
            ref=file.uri,
            sha256=sha256.hexdigest(),
            arrived_at=found["LastModified"],
            requested_concurrency=metadata.get("max_concurrency", ""),
            key_id=metadata.get("key_id"),
        )
