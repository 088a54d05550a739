"""The archive: download a video, verify it and upload it to S3 in one pass.

A multipart upload is completed only after the last byte was checked. So an object under the key is always a whole
video, and archiving again only has to find it. An interrupted upload continues after the parts that S3 has, if the
host still has the same video.
"""

import base64
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn, cast

from botocore.exceptions import ClientError

from core.archive.check import Check
from core.archive.containers import CONTENT_TYPES, HEAD_BYTES, container_of
from core.archive.download import Allowed
from core.archive.flow import MOST_CONNECTIONS, Flow, Stopped
from core.archive.multipart import Multipart
from core.archive.objects import Objects, record_key, video_key
from core.archive.source import Changed, Found, Link, Reader
from core.archive.transfer import Transfer
from core.errors import GenerationEnded, VideoForbidden, VideoIncomplete, VideoInvalid, VideoUnavailable
from core.generation import ArchivedVideo

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART_BYTES = 8 << 20  # a video up to this size needs no multipart upload; memory holds one part per connection
KEEP_EVERY_SECONDS = 60.0
# Bodies have a checksum and travel over TLS. Signing them as well would cost another SHA-256 of the whole video.
OPTIONS: dict[str, Any] = {"s3": {"payload_signing_enabled": False}}
_TAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchUpload"}  # another invocation was faster


@dataclass(frozen=True)
class Interrupted:
    """An upload to continue: its video, the number of parts that are checked and in S3, and the state of the check."""

    upload_id: str
    length: int
    validator: str
    part_bytes: int
    parts: int
    structure: dict[str, Any]

    @classmethod
    def of(cls, kept: dict[str, Any] | None, allowed: Allowed) -> "Interrupted | None":
        """Return what an earlier invocation kept, or None if it kept nothing that this release can read."""
        with suppress(AttributeError, KeyError, TypeError, ValueError):
            before = cls(**kept) if kept else None
            if before and Check(allowed, before.structure).size == before.size:
                return before
        return None

    @property
    def container(self) -> str:
        """Return the container format of the video."""
        return str(self.structure["container"])

    @property
    def size(self) -> int:
        """Return the number of bytes that need not be read again."""
        return self.parts * self.part_bytes


@dataclass(frozen=True)
class Order:
    """A video to archive."""

    generation_id: str
    url: str
    file_size: int | None  # in bytes, as the provider announced it
    renew: Callable[[], str | None]  # asks the provider for a new link
    seconds_left: Callable[[], float]  # until the function must stop
    upload: dict[str, Any] | None  # the fields of an earlier `Interrupted`
    keep: Callable[[dict[str, Any]], None]  # stores an `Interrupted`; raises `GenerationEnded` if it is not needed
    hosts: tuple[str, ...] = ()  # allowed hosts of this model's videos, in addition to those of all models
    options: dict[str, Any] = field(default_factory=dict)  # with which S3 stores it: core.archive.retention


class Archive:
    """The videos bucket."""

    def __init__(
        self,
        s3: "S3Client",
        bucket: str,
        allowed: Allowed,
        part_bytes: int = PART_BYTES,
        most_connections: int = MOST_CONNECTIONS,
    ) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._allowed = allowed
        self._part_bytes = part_bytes
        self._most_connections = most_connections
        self.objects = Objects(s3, bucket)

    def find(self, generation_id: str) -> ArchivedVideo | None:
        """Return the archived video, if there is one, after reading and checking all of it again."""
        for container in CONTENT_TYPES:
            try:
                body = self._s3.get_object(Bucket=self._bucket, Key=video_key(generation_id, container))["Body"]
            except self._s3.exceptions.NoSuchKey:
                continue
            check = Check(self._allowed)
            with body:
                for chunk in body.iter_chunks(1 << 20):
                    check.update(chunk)
            check.finish(None)
            return self._archived(generation_id, container, check)
        return None

    def store(self, order: Order) -> ArchivedVideo:
        """Archive the video, unless that was already done.

        Raise `VideoIncomplete` if it has to be called again, with the `Interrupted` that it passed to `keep`.
        """
        try:
            for _ in range(2):
                with suppress(Changed):
                    return self._store(order)
                order = replace(order, upload=None)
            # The video has changed twice. A single response is always of one video.
            return self._store(order, in_parts=False)
        except Stopped:
            raise VideoUnavailable("The video arrives too slowly to be archived within the time limit.") from None
        except (VideoUnavailable, VideoInvalid, VideoForbidden):
            # An earlier invocation may have archived the video and died before recording that.
            if found := self.find(order.generation_id):
                return found
            raise

    def store_record(self, generation_id: str, record: bytes) -> None:
        """Store the whole record, as JSON, next to the video."""
        self._s3.put_object(
            Bucket=self._bucket,
            Key=record_key(generation_id),
            Body=record,
            ContentType="application/json",
        )

    def _store(self, order: Order, *, in_parts: bool = True) -> ArchivedVideo:
        link = Link(order.url, order.renew)
        allowed = self._allowed.for_model(order.hosts)
        before = Interrupted.of(order.upload, allowed)
        with Flow(order.seconds_left, self._most_connections) as flow, Reader(link, allowed, flow) as reader:
            found = reader.look(before.size if before else 0, self._part_bytes if in_parts else None)
            if before and (before.length, before.validator) != (found.length, found.validator):
                self._multipart(order, before).abort()
                before, found = None, reader.look(0, self._part_bytes)
            if None not in (order.file_size, found.length) and order.file_size != found.length:
                raise VideoInvalid(f"The provider announced {order.file_size} bytes, but the link has {found.length}.")
            if found.length is not None and found.length <= self._part_bytes:
                return self._put(order, found, reader)
            return self._upload(order, before, _Opened(found, flow, reader, lambda: Reader(link, allowed, flow)))

    def _put(self, order: Order, found: Found, reader: Reader) -> ArchivedVideo:
        """Archive a video that fits in memory."""
        body = bytearray(found.length or 0)
        check = Check(self._allowed)
        reader.fill(memoryview(body), 0, found, check.update)
        check.finish(found.length)
        try:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=video_key(order.generation_id, check.container),
                Body=cast("bytes", body),  # boto3 takes both
                ContentType=CONTENT_TYPES[check.container],
                ChecksumSHA256=base64.b64encode(bytes.fromhex(check.sha256 or "")).decode(),
                IfNoneMatch="*",
                **order.options,
            )
        except ClientError as error:
            return self._of_another_invocation(order, error)
        return self._archived(order.generation_id, check.container, check)

    def _upload(self, order: Order, before: Interrupted | None, opened: "_Opened") -> ArchivedVideo:
        """Archive a video that does not fit in memory."""
        found, reader = opened.found, opened.reader
        if before is None and (there := self.find(order.generation_id)):
            return there
        container = before.container if before else container_of(reader.head(HEAD_BYTES, found))
        upload = self._multipart(order, before) if before else self._begin(order, container)
        part_bytes = before.part_bytes if before else self._part_bytes
        if before and not upload.find(before.parts, part_bytes):
            if there := self.find(order.generation_id):
                return there
            raise Changed  # S3 no longer has the upload
        check = Check(self._allowed, before.structure if before else None)
        progress = _Progress(order, before, upload, found, part_bytes, check)
        transfer = Transfer(upload, check, opened.flow, part_bytes, progress.reached)
        try:
            if found.validator and found.length:
                transfer.ranges(found.length, found, reader, opened.another)
            else:
                transfer.stream(found.length, reader)
            check.finish(found.length or order.file_size)
            if check.container != container:
                raise Changed  # the key has the extension of another container, detected from the first bytes
            upload.complete()
        except ClientError as error:
            if error.response["Error"]["Code"] in _TAKEN:
                upload.abort()
                return self._of_another_invocation(order, error)
            progress.interrupted(error)
        except Exception as error:  # noqa: BLE001 - it is raised again
            progress.interrupted(error)
        if check.sha256:
            return self._archived(order.generation_id, container, check)
        if there := self.find(order.generation_id):
            return there
        raise VideoUnavailable("The video was removed immediately after it was archived.")

    def _begin(self, order: Order, container: str) -> Multipart:
        key = video_key(order.generation_id, container)
        return Multipart.begin(self._s3, self._bucket, key, {"ContentType": CONTENT_TYPES[container], **order.options})

    def _multipart(self, order: Order, before: Interrupted) -> Multipart:
        return Multipart(self._s3, self._bucket, video_key(order.generation_id, before.container), before.upload_id)

    def _of_another_invocation(self, order: Order, error: ClientError) -> ArchivedVideo:
        """Return the video that another invocation has archived. Raise `error` if it has a different cause."""
        if error.response["Error"]["Code"] in _TAKEN and (there := self.find(order.generation_id)):
            return there
        raise error

    def _archived(self, generation_id: str, container: str, check: Check) -> ArchivedVideo:
        """Return the checked video under the container's key."""
        key = video_key(generation_id, container)
        return ArchivedVideo(
            bucket=self._bucket,
            key=key,
            s3_uri=f"s3://{self._bucket}/{key}",
            content_type=CONTENT_TYPES[container],
            file_name=f"{generation_id}.{container}",
            size=check.size,
            sha256=check.sha256 or "",
            facts=check.facts,
        )


@dataclass(frozen=True)
class _Opened:
    """A video whose first response is open."""

    found: Found
    flow: Flow
    reader: Reader  # has the open response
    another: Callable[[], Reader]  # makes another reader


@dataclass
class _Progress:
    """The progress of an upload, and what happens to it when it stops."""

    order: Order
    before: Interrupted | None
    upload: Multipart
    found: Found
    part_bytes: int
    check: Check

    def __post_init__(self) -> None:
        self._latest = self.before
        self._kept_at = time.monotonic()

    def reached(self) -> None:
        """Note that another part is checked and in S3. After the last part, there is no need to continue."""
        length, validator = self.found.length, self.found.validator
        if length is None or validator is None or self.check.size >= length:
            return
        self._latest = Interrupted(
            upload_id=self.upload.upload_id,
            length=length,
            validator=validator,
            part_bytes=self.part_bytes,
            parts=self.check.size // self.part_bytes,
            structure=self.check.state,
        )
        if time.monotonic() - self._kept_at >= KEEP_EVERY_SECONDS:
            self._keep(self._latest)

    def interrupted(self, error: Exception) -> NoReturn:
        """Keep the upload for the next invocation, or abort it if it cannot be used. Always raise.

        Raise `VideoIncomplete` if there is new progress, and otherwise `error`.
        """
        done = self._latest
        if done is None or isinstance(error, VideoInvalid | VideoForbidden | GenerationEnded | Changed):
            self.upload.abort()
        elif done is not self.before:
            try:
                self._keep(done)
            except GenerationEnded:
                self.upload.abort()
                raise
            raise VideoIncomplete(
                f"{done.size} of the video's {done.length} bytes are stored. The rest follows."
            ) from error
        raise error

    def _keep(self, done: Interrupted) -> None:
        self.order.keep(asdict(done))
        self._kept_at = time.monotonic()
