"""A prompt file that was dropped in S3: one request, or a batch of them."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from core.batch import batch_id_of
from core.errors import IdempotencyConflict, InvalidFile, InvalidRequest
from core.generation import Source
from core.intake import files
from core.intake.accept import accept, refuse
from core.intake.batches import Batches
from core.models import Models
from core.publish.announcer import Announcer
from core.records.ledger import Ledger
from core.workflow import Workflow

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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
    def identity(self) -> str:
        """The same however often, and in whatever order, the events of it come."""
        return f"{self.bucket}/{self.key}#{self.etag}"


@dataclass(frozen=True)
class FileIntake:
    """What takes prompt files."""

    s3: "S3Client"
    models: Models
    default_model: str
    ledger: Ledger
    workflow: Workflow
    batches: Batches
    announcer: Announcer

    def take(self, file: DroppedFile, owner: str) -> None:
        """Accept the request, or start the batch, that a file holds; refuse a file that cannot be read."""
        source = Source("s3", file.uri)
        try:
            self._take(file, owner, source)
        except (InvalidRequest, InvalidFile) as error:
            refuse(error, owner, source, file.identity, self.ledger, self.announcer)
        except IdempotencyConflict as error:  # its generation was deleted: this version of the file is refused
            refuse(error, owner, source, f"{file.identity}#{file.version}", self.ledger, self.announcer)

    def _take(self, file: DroppedFile, owner: str, source: Source) -> None:
        version = {"VersionId": file.version} if file.version else {}
        try:
            found = self.s3.get_object(Bucket=file.bucket, Key=file.key, **version)  # type: ignore[arg-type]  # optional
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchVersion"):
                raise InvalidFile("The file was deleted before it was read: drop it again.") from None
            raise
        with io.BufferedReader(found["Body"]) as stream:  # type: ignore[type-var]  # a body is a raw stream
            rows = files.read(file.key, stream, self.models, self.default_model)
            if files.is_batch(file.key, stream.peek(1024)):
                asked = found["Metadata"].get("max_concurrency", "")
                self.batches.start(batch_id_of(file.identity), owner, file.uri, rows, asked)
                return
            (row,) = rows
            if row.request is None:
                raise InvalidRequest(str(row.problem))
            accept(row.request, owner, source, file.identity, self.models, self.ledger, self.workflow)
