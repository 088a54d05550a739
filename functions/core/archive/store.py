"""The archive: a verified video in S3, uploaded as it is downloaded.

Nothing is visible under the key before the last byte was checked: the multipart upload is completed only then, and
aborted otherwise. So an object that is there is a whole video, and archiving again finds it and is done.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from core.archive.download import Allowed, open_video, too_large
from core.archive.mp4 import Mp4Check
from core.archive.objects import Objects, record_key, video_key
from core.errors import VideoInvalid
from core.generation import ArchivedVideo

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART_BYTES = 16 << 20  # two in flight and one being read: about 50 MiB, whatever the video's size
UPLOADERS = 2
CONTENT_TYPE = "video/mp4"


class Readable(Protocol):
    def read(self, size: int, /) -> bytes:
        """Exactly `size` bytes, fewer only at the end."""


class Archive:
    """The videos bucket."""

    def __init__(self, s3: "S3Client", bucket: str, allowed: Allowed) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._allowed = allowed
        self.objects = Objects(s3, bucket)

    def find(self, generation_id: str) -> ArchivedVideo | None:
        """The video that an earlier entry archived, read once more from end to end; None if there is none."""
        key = video_key(generation_id)
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]
        except self._s3.exceptions.NoSuchKey:
            return None
        source = _Verified(body, None, self._allowed)
        for _ in source.parts():
            pass
        return self._archived(generation_id, source)

    def store(self, generation_id: str, url: str, file_size: int | None) -> ArchivedVideo:
        """Stream the video behind `url` into the bucket; `file_size` is what the provider announced, in bytes."""
        with open_video(url, self._allowed) as download:
            if None not in (file_size, download.length) and file_size != download.length:
                raise VideoInvalid(f"The provider announced {file_size} bytes, and the link serves {download.length}.")
            source = _Verified(download, download.length or file_size, self._allowed)
            is_ours = self._upload(video_key(generation_id), source)
        return (None if is_ours else self.find(generation_id)) or self._archived(generation_id, source)

    def store_record(self, generation_id: str, record: bytes) -> None:
        """Put the whole record, as JSON, beside the video."""
        self._s3.put_object(
            Bucket=self._bucket,
            Key=record_key(generation_id),
            Body=record,
            ContentType="application/json",
        )

    def _archived(self, generation_id: str, source: "_Verified") -> ArchivedVideo:
        key = video_key(generation_id)
        return ArchivedVideo(
            bucket=self._bucket,
            key=key,
            s3_uri=f"s3://{self._bucket}/{key}",
            content_type=CONTENT_TYPE,
            file_name=f"{generation_id}.mp4",
            size=source.size,
            sha256=source.sha256.hexdigest(),
        )

    def _upload(self, key: str, source: "_Verified") -> bool:
        """Whether it is this upload that stands under the key now; if not, another entry was faster."""
        upload_id = self._s3.create_multipart_upload(Bucket=self._bucket, Key=key, ContentType=CONTENT_TYPE)["UploadId"]
        try:
            parts = self._upload_parts(key, upload_id, source)
            self._s3.complete_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                UploadId=upload_id,
                MultipartUpload={"Parts": parts},
                IfNoneMatch="*",
            )
        except BaseException as error:
            with suppress(BotoCoreError, ClientError):  # the bucket's lifecycle rule removes what this leaves
                self._s3.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload_id)
            if isinstance(error, ClientError) and error.response["Error"]["Code"] == "PreconditionFailed":
                return False
            raise
        return True

    def _upload_parts(self, key: str, upload_id: str, source: "_Verified") -> "list[CompletedPartTypeDef]":
        def upload(number: int, body: bytes) -> "CompletedPartTypeDef":
            answer = self._s3.upload_part(
                Bucket=self._bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=body
            )
            return {"PartNumber": number, "ETag": answer["ETag"]}

        done: list[Future[CompletedPartTypeDef]] = []
        with ThreadPoolExecutor(UPLOADERS) as uploaders:
            for number, body in enumerate(source.parts(), start=1):
                done.append(uploaders.submit(upload, number, body))
                if number >= UPLOADERS:
                    done[number - UPLOADERS].result()  # bounds the parts in memory, and stops at the first that fails
        return [future.result() for future in done]


class _Verified:
    """Passes a video on in parts and knows, at its end, that it was whole; raises `VideoInvalid` if not."""

    def __init__(self, source: Readable, length: int | None, allowed: Allowed) -> None:
        self._source = source
        self._length = length
        self._allowed = allowed
        self.size = 0
        self.sha256 = hashlib.sha256()

    def parts(self) -> Iterator[bytes]:
        structure = Mp4Check()
        while part := self._source.read(PART_BYTES):
            self.size += len(part)
            if self.size > self._allowed.max_bytes:
                raise too_large(self._allowed)
            structure.update(part)
            self.sha256.update(part)
            yield part
        if self._length is not None and self.size != self._length:
            raise VideoInvalid(f"The video should have {self._length} bytes, and {self.size} came.")
        structure.finish()
