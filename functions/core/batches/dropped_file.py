"""A prompt file that was dropped in S3: one request, or a batch of them."""

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from botocore.exceptions import ClientError

from core.batches import prompt_file
from core.batches.identity import batch_id_for, file_id
from core.batches.prompt_file import Row
from core.batches.start import BatchChanged, Batches, Content
from core.errors import BudgetExceeded, IdempotencyConflict, InvalidFile, InvalidRequest
from core.generation import Label, Source, digest
from core.intake.accept import Envelope, Intake, Refusals

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_FILE_BYTES = 1 << 30  # twice in the function's storage: as it came, and as rows
CHUNK_BYTES = 1 << 20
MOST_CONTENTS = 5  # of a batch at once: the message about another one comes again


@dataclass(frozen=True)
class DroppedFile:
    """A version of an object in the prompts bucket. `version` is None where the bucket keeps no versions."""

    bucket: str
    key: str
    etag: str
    version: str | None

    @property
    def uri(self) -> str:
        """As AWS tools write it."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        """What its user calls it."""
        return self.key.rpartition("/")[2]

    @property
    def refused_id(self) -> str:
        """The id of the refusal of this version, however often its event comes."""
        return digest("refused", f"{self.bucket}/{self.key}#{self.etag}#{self.version}")


@dataclass(frozen=True)
class FileIntake:
    """Takes prompt files."""

    s3: "S3Client"
    default_model: str
    intake: Intake
    refusals: Refusals
    batches: Batches

    def take(self, file: DroppedFile, owner: str) -> None:
        """Accept the request, or start the batch, that a file holds; refuse a file that cannot be read."""
        refused = Envelope(file.refused_id, owner, Source("s3", file.uri))
        try:
            with tempfile.TemporaryFile() as copy:
                self._take(file, copy, self._download(file, copy), owner)
        except (InvalidRequest, InvalidFile, BudgetExceeded) as error:
            self.refusals.refuse(error, refused)
        except IdempotencyConflict:
            deleted = InvalidFile("The generation of this very file was deleted: change the file to run it again.")
            self.refusals.refuse(deleted, refused)

    def _take(self, file: DroppedFile, copy: IO[bytes], content: Content, owner: str) -> None:
        if prompt_file.is_batch(file.key, copy):
            self._take_batch(file, copy, content, owner)
            return
        (row,) = self._read(file, copy, self.default_model)
        if row.request is None:
            raise InvalidRequest(str(row.problem))
        envelope = Envelope(
            file_id("request", file.bucket, file.key, content.sha256),
            owner,
            Source("s3", file.uri),
            label=Label(row.name, row.tags, row.webhook),
            key_id=content.key_id,
        )
        self.intake.accept(row.request, envelope)

    def _read(self, file: DroppedFile, copy: IO[bytes], default_model: str) -> Iterator[Row]:
        local = self.batches.allow_local_webhooks
        return prompt_file.read(file.key, copy, self.intake.models, default_model, local_webhooks=local)

    def _take_batch(self, file: DroppedFile, copy: IO[bytes], content: Content, owner: str) -> None:
        """Again, if another content of it was faster."""
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
                    self.batches.refused(found, fresh, error)
                    raise
            except BatchChanged:
                continue
            return
        raise BatchChanged

    def _download(self, file: DroppedFile, copy: IO[bytes]) -> Content:
        """The file into `copy`, from its beginning, and what is told of it."""
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
        told = found["Metadata"]
        asked, key_id = told.get("max_concurrency", ""), told.get("key_id")
        return Content(file.uri, sha256.hexdigest(), found["LastModified"], asked, key_id)
