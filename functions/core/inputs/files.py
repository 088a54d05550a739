"""The files that requests refer to: access rights, types, and a copy for each generation.

    uploads/<owner>/<id>              an upload; it expires after a day
    batches/<batch>/inputs/<id>       a copy for the rows of a batch; it expires with them
    videos/<generation>/inputs/<n>    a copy for one generation; it is deleted with it

All are in the videos bucket. The workflow's first state makes a generation's copy, because the generation may wait for
weeks. A crash before that leaves an upload, or a record without its copy, and the function is invoked again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from botocore.exceptions import ClientError

from core.archive.containers import CONTENT_TYPES
from core.archive.objects import input_key
from core.archive.retention import KEEP_ALL, Retention
from core.errors import InputUnavailable, InvalidRequest
from core.generation import Generation, Given, Status
from core.inputs.check import MAX_UPLOAD_BYTES, check, shown
from core.inputs.links import latest
from core.inputs.media import HEAD_BYTES, SUFFIXES, media_type
from core.inputs.references import GENERATION, S3, UPLOAD, Referring, named, upload_id
from core.models import Input, containers_of
from core.owners import own_folder, owner_of_file
from core.records.ledger import Ledger
from core.text import is_printable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_NAMED = 64  # references in one request
UPLOAD_SECONDS = 3600  # the lifetime of an upload form, also of one for a batch
UPLOADS = "uploads/"
_VIDEO = re.compile(r"videos/([0-9a-f]{32})/video\.\w+", re.ASCII)
_MISSING = {"NoSuchKey", "NoSuchBucket", "404"}
_CHANGED = {"PreconditionFailed", "412"}
# S3's errors for an object that is archived, or encrypted with a customer's or another account's key.
_WITHHELD = re.compile(r"InvalidObjectState|AccessDenied|InvalidRequest|KMS\.\w+")


class Place(NamedTuple):
    """The location of an object."""

    bucket: str
    key: str


class _Withheld(Exception):
    """S3 has the object, but does not return it. Its owner can change that, and a retry cannot."""

    def __init__(self, code: str) -> None:
        super().__init__(
            f"S3 does not return it ({code}). It may be archived, or encrypted with a key that is not the bucket's. "
            "Restore it, or upload the file again."
        )


@dataclass(frozen=True)
class Inputs:
    """Finds the files of owners. Every method has the owner as an argument and only reaches this owner's files."""

    s3: "S3Client"
    videos_bucket: str
    prompts_bucket: str
    file_owners: tuple[str, ...]  # of the prompts bucket: core.owners
    ledger: Ledger
    retention: Retention = KEEP_ALL

    def form(self, owner: str, content_type: str, sha256: str | None) -> dict[str, Any]:
        """Return an upload form and the file's reference. Raise `InvalidRequest` for a type that no model accepts."""
        if content_type not in SUFFIXES:
            raise InvalidRequest(f"`content_type` must be one of {', '.join(SUFFIXES)}.", "content_type")
        if sha256 is not None and not re.fullmatch("[0-9a-f]{64}", sha256, re.ASCII):
            raise InvalidRequest("`sha256` must be the SHA-256 of the file, as 64 hex digits in lower case.", "sha256")
        name = uuid4().hex if sha256 is None else upload_id(sha256)
        post = self.s3.generate_presigned_post(
            Bucket=self.videos_bucket,
            Key=self._upload_key(owner, name),
            Fields={"Content-Type": content_type},
            Conditions=[["content-length-range", 1, MAX_UPLOAD_BYTES], {"Content-Type": content_type}],
            ExpiresIn=UPLOAD_SECONDS,
        )
        upload = {**post, "max_bytes": MAX_UPLOAD_BYTES, "expires_in": UPLOAD_SECONDS}
        return {"id": name, "reference": f"upload:{name}", "upload": upload}

    def look(
        self,
        asked: Referring,
        fields: tuple[Input, ...],
        owner: str,
        generation_id: str,
        batch_id: str | None,
    ) -> list[Given]:
        """Check the inputs of a request and return each of them once.

        Raise `InvalidRequest` if an input belongs to someone else, does not exist, is withheld by S3, or has a type or
        size that the model does not accept.
        """
        found: dict[str, Given] = {}
        references = named(asked.request, fields)
        if len({reference for _, reference in references}) > MAX_NAMED:
            raise InvalidRequest(f"The request refers to more than {MAX_NAMED} files.", references[0][0].field)
        for field, reference in references:
            if reference not in found:
                key, content = input_key(generation_id, len(found) + 1, ""), asked.files.get(reference)
                found[reference] = (
                    self._looked_at(reference, field.field, owner, batch_id, key)
                    if content is None
                    else _of_file(reference, content[:HEAD_BYTES], len(content), key)
                )
            check(found[reference], field)
        return list(found.values())

    def upload(self, given: list[Given], files: Mapping[str, bytes], owner: str) -> list[Given]:
        """Upload the files of a request, and return the inputs with the ETags of these files."""
        return [
            replace(one, etag=self._upload(files[one.reference], one.reference, owner))
            if one.reference in files
            else one
            for one in given
        ]

    def keep(self, generation: Generation) -> None:
        """Copy the generation's input files next to its video, unless that was already done.

        Raise `InputUnavailable` if a file was deleted or changed, or if S3 does not return it.
        """
        for given in generation.given or ():
            if given.key is None or self._is_there(Place(self.videos_bucket, given.key)):
                continue
            places = self._places(given.reference, generation.owner, generation.batch_id)
            try:
                is_kept = any(self._copy(place, given.key, str(given.content_type), given.etag) for place in places)
            except _Withheld as reason:
                raise InputUnavailable(f"{shown(given.reference)}: {reason}") from None
            if not is_kept:
                raise InputUnavailable(f"{shown(given.reference)} was removed or changed before it could be used.")

    def keep_for_batch(self, reference: str, owner: str, batch_id: str) -> None:
        """Copy an upload, if it exists, for the rows of a batch, which may wait for days."""
        kept, upload = reversed(self._places(reference, owner, batch_id))
        self._copy(upload, kept.key, None)

    def is_uploaded(self, reference: str, owner: str, batch_id: str) -> bool:
        """Return whether there is such an upload for a row of the batch."""
        return any(map(self._is_there, self._places(reference, owner, batch_id)))

    def _looked_at(self, reference: str, field: str, owner: str, batch_id: str | None, key: str) -> Given:
        if source := self._generation_in(reference):
            return self._video_of(source, reference, field, owner, batch_id)
        places = self._places(reference, owner, batch_id)
        if not places:
            raise InvalidRequest(f"`{field}`: {shown(reference)} is not one of your files.", field)
        try:
            looked = next(filter(None, map(self._head, places)), None)
        except _Withheld as reason:
            raise InvalidRequest(f"`{field}`: {shown(reference)}: {reason}", field) from None
        if looked:
            head, size, etag = looked
            return _of_file(reference, head, size, key, etag)
        again = " Upload it again: unused uploads expire after a day." if UPLOAD.fullmatch(reference) else ""
        raise InvalidRequest(f"`{field}`: {shown(reference)} is not one of your files.{again}", field)

    def _video_of(self, source_id: str, reference: str, field: str, owner: str, batch_id: str | None) -> Given:
        source = latest(source_id, self.ledger)
        if not isinstance(source, Generation) or source.owner != owner:
            raise InvalidRequest(f"`{field}`: you have no generation {source_id}.", field)
        # A row of a batch is recorded nevertheless and then fails, so that it is retried together with the other row.
        if source.status is Status.ERROR and batch_id is None:
            raise InvalidRequest(f"`{field}`: generation {source_id} has failed, so it has no video.", field)
        # Only this row's job fails if the video expires before it is sent, and then it can be retried with the other.
        if batch_id is None and (expired := self.retention.expired(source, self.ledger.now())):
            raise InvalidRequest(f"`{field}`: generation {source_id}: {expired.message}", field)
        if source.video:
            return Given(reference, source_id, None, source.video.content_type, source.video.size)
        (container, *others) = containers_of(source.model)
        return Given(reference, source_id, None, None if others else CONTENT_TYPES[container])

    def _generation_in(self, reference: str) -> str | None:
        """Return the id of the generation whose video the reference means, or None for another reference."""
        if found := GENERATION.fullmatch(reference):
            return found[1]
        found = _VIDEO.fullmatch(reference.removeprefix(f"{S3}{self.videos_bucket}/"))
        return found[1] if found else None

    def _places(self, reference: str, owner: str, batch_id: str | None) -> list[Place]:
        """Return the possible locations of a file, in order, or an empty list if the owner may not read the file."""
        if upload := UPLOAD.fullmatch(reference):
            keys = [self._upload_key(owner, upload[1])]
            keys += [f"batches/{batch_id}/inputs/{upload[1]}"] if batch_id else []
            return [Place(self.videos_bucket, key) for key in keys]
        bucket, _, key = reference.removeprefix(S3).partition("/")
        # Some programs would interpret other keys as a different path.
        is_plain = is_printable(key) and "\\" not in key and not {"", ".", ".."} & set(key.split("/"))
        if not reference.startswith(S3) or not is_plain:
            return []
        own_upload = re.fullmatch(re.escape(self._upload_key(owner, "")) + "[0-9a-f]{32}", key, re.ASCII)
        is_own = bucket == self.prompts_bucket and owner_of_file(self.file_owners, key) == owner
        return [Place(bucket, key)] if is_own or (bucket == self.videos_bucket and own_upload) else []

    def _upload_key(self, owner: str, name: str) -> str:
        return own_folder(owner, UPLOADS) + name

    def _upload(self, content: bytes, reference: str, owner: str) -> str:
        key = self._upload_key(owner, reference.removeprefix("upload:"))
        return self.s3.put_object(Bucket=self.videos_bucket, Key=key, Body=content)["ETag"]

    def _head(self, place: Place) -> tuple[bytes, int, str | None] | None:
        """Return the first bytes of an object, its size and its ETag, or None if it does not exist."""
        try:
            found = self.s3.get_object(Bucket=place.bucket, Key=place.key, Range=f"bytes=0-{HEAD_BYTES - 1}")
        except ClientError as error:
            if error.response["Error"]["Code"] == "InvalidRange":  # it is empty
                return b"", 0, None
            if error.response["Error"]["Code"] in _MISSING:
                return None
            self._raise_withheld(error, place)
            raise
        with found["Body"] as body:
            head = body.read(HEAD_BYTES)
        whole = found.get("ContentRange", "").rpartition("/")[2]
        return head, int(whole) if whole.isdecimal() else found["ContentLength"], found["ETag"]

    def _is_there(self, place: Place) -> bool:
        try:
            self.s3.head_object(Bucket=place.bucket, Key=place.key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return False
            raise
        return True

    def _copy(self, place: Place, key: str, content_type: str | None, etag: str | None = None) -> bool:
        """Copy an object into the videos bucket without its tags. Return whether it exists and has this ETag.

        With a `content_type`, its metadata is not copied either.
        """
        options: dict[str, Any] = {"MetadataDirective": "REPLACE", "ContentType": content_type} if content_type else {}
        options |= {"CopySourceIfMatch": etag} if etag else {}
        try:
            self.s3.copy_object(
                Bucket=self.videos_bucket,
                Key=key,
                CopySource={"Bucket": place.bucket, "Key": place.key},
                TaggingDirective="REPLACE",
                **options,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING | _CHANGED:
                return False
            self._raise_withheld(error, place)
            raise
        return True

    def _raise_withheld(self, error: ClientError, place: Place) -> None:
        """Raise `_Withheld` if the error is due to the owner's object.

        Only Promptreel stores objects in the videos bucket, so access denied there is a fault of the deployment.
        """
        code = error.response["Error"]["Code"]
        if code == "InvalidObjectState" or (place.bucket == self.prompts_bucket and _WITHHELD.fullmatch(code)):
            raise _Withheld(code) from error


def _of_file(reference: str, head: bytes, size: int, key: str, etag: str | None = None) -> Given:
    """Return an input that is copied to `key` with the suffix of its type."""
    kind = media_type(head)
    return Given(reference, None, key + SUFFIXES.get(kind or "", "bin"), kind, size, etag)
