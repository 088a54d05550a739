"""A multipart upload: its object appears only when the upload is completed, and until then it can be continued."""

import base64
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Multipart:
    """One upload; `etags` has the ETags of the parts in S3, by part number from 1."""

    s3: "S3Client"
    bucket: str
    key: str
    upload_id: str
    etags: dict[int, str] = field(default_factory=dict)

    @classmethod
    def begin(cls, s3: "S3Client", bucket: str, key: str, options: dict[str, Any]) -> "Multipart":
        """Start an upload. The `options` are those of its object, such as its content type."""
        begun = s3.create_multipart_upload(Bucket=bucket, Key=key, **options)
        return cls(s3, bucket, key, begun["UploadId"])

    def find(self, parts: int, part_bytes: int) -> bool:
        """Return whether S3 still has the first `parts` parts of `part_bytes` each. Put their ETags into `etags`."""
        pages = self.s3.get_paginator("list_parts").paginate(Bucket=self.bucket, Key=self.key, UploadId=self.upload_id)
        try:
            for page in pages:
                for part in page.get("Parts", []):
                    if part["PartNumber"] <= parts and part["Size"] == part_bytes:
                        self.etags[part["PartNumber"]] = part["ETag"]
        except self.s3.exceptions.NoSuchUpload:
            return False
        return len(self.etags) == parts

    def put(self, number: int, body: bytearray, crc32: int) -> None:
        """Upload a part and its CRC32, which S3 checks. All parts but the last need at least 5 MiB.

        boto3's own CRC32, which it sends as a trailer, costs twice the CPU time.
        """
        answer = self.s3.upload_part(
            Bucket=self.bucket,
            Key=self.key,
            UploadId=self.upload_id,
            PartNumber=number,
            Body=cast("bytes", body),  # boto3 takes both
            ChecksumCRC32=base64.b64encode(crc32.to_bytes(4)).decode(),
        )
        self.etags[number] = answer["ETag"]

    def complete(self) -> None:
        """Make the upload an object. Raise ClientError with PreconditionFailed if the key already has one."""
        parts: Any = [{"PartNumber": number, "ETag": etag} for number, etag in sorted(self.etags.items())]
        self.s3.complete_multipart_upload(
            Bucket=self.bucket,
            Key=self.key,
            UploadId=self.upload_id,
            MultipartUpload={"Parts": parts},
            IfNoneMatch="*",
        )

    def abort(self) -> None:
        """Delete the upload and its parts, if it exists. If this fails, the bucket's lifecycle rule deletes them."""
        with suppress(BotoCoreError, ClientError):
            self.s3.abort_multipart_upload(Bucket=self.bucket, Key=self.key, UploadId=self.upload_id)
