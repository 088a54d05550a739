"""Links for the provider to what a request names, made when it is submitted: it may have waited for weeks before."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.errors import InputUnavailable, InvalidRequest
from core.generation import ArchivedVideo, Clock, Generation, Given, Status, Tombstone, replaced
from core.records.ledger import Ledger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SESSION = timedelta(hours=1)  # the longest for a role that is taken on by another one
LINKS_LIVE = timedelta(minutes=45)  # at least: longer than the provider works on a generation

_FAILED = ", whose video it takes, failed: "


def latest(generation_id: str, ledger: Ledger) -> Generation | Tombstone | None:
    """The generation, or the one that took its place in its batch when that was retried."""
    found = ledger.submission(generation_id)
    while isinstance(found, Generation) and found.retried_as:
        found = ledger.submission(found.retried_as)
    return found


def source_of(given: Given, owner: str, ledger: Ledger) -> Generation:
    """The generation whose video it is, which may not have ended; `InputUnavailable` if it will have none."""
    source = latest(str(given.generation_id), ledger)
    if not isinstance(source, Generation) or source.owner != owner:
        raise InputUnavailable(f"Generation {given.generation_id}, whose video it takes, was deleted.")
    if source.error:
        # Of a chain in which one failed: why that was, and not how it went on.
        reason = str(source.error).rpartition(_FAILED)[2]
        raise InputUnavailable(f"Generation {source.generation_id}{_FAILED}{reason}")
    return source


@dataclass(frozen=True)
class Links:
    """Makes links: `sign` of an object's bucket and key."""

    ledger: Ledger
    videos_bucket: str
    sign: Callable[[str, str], str]

    def request_of(self, generation: Generation) -> dict[str, Any]:
        """The request as the provider takes it: with links for references. `InputUnavailable` if one has nothing, or
        what its model does not take."""
        if not generation.given:
            return generation.request
        links = {given.reference: self._link(given, generation) for given in generation.given}
        return dict(replaced(generation.request, links))

    def _link(self, given: Given, generation: Generation) -> str:
        if given.key is not None:
            return self.sign(self.videos_bucket, given.key)
        source = source_of(given, generation.owner, self.ledger)
        if source.status is not Status.COMPLETED or source.video is None:
            raise InputUnavailable(f"Generation {source.generation_id}, whose video it takes, has not ended.")
        _check_video(source.video, given, generation)
        return self.sign(source.video.bucket, source.video.key)


def _check_video(video: ArchivedVideo, given: Given, generation: Generation) -> None:
    """`InputUnavailable` unless the model takes this video, which may not have been there when it was accepted."""
    from core.inputs.check import check  # noqa: PLC0415 - for requests that take a video, which are some
    from core.inputs.references import named  # noqa: PLC0415 - the same
    from core.models import inputs_of  # noqa: PLC0415 - the same

    now = replace(given, content_type=video.content_type, size=video.size)
    try:
        for field, reference in named(generation.request, inputs_of(generation.model)):
            if reference == given.reference:
                check(now, field)
    except InvalidRequest as error:
        raise InputUnavailable(str(error)) from None


class Signer:
    """Signs links as a role that may read videos and inputs alone.

    A link ends with the credentials that signed it, and how long the function's own live is not told. Those of a role
    that it takes on are told, so that a link lives for `LINKS_LIVE` at least.
    """

    def __init__(self, sts: Any, role_arn: str, s3_of: Callable[[Any], "S3Client"], now: Clock) -> None:
        self._sts = sts
        self._role_arn = role_arn
        self._s3_of = s3_of
        self._now = now
        self._made: tuple[S3Client, datetime] | None = None  # and when it ends

    def __call__(self, bucket: str, key: str) -> str:
        """A link to read an object with."""
        if self._made is None or self._made[1] - self._now() < LINKS_LIVE:
            taken = self._sts.assume_role(
                RoleArn=self._role_arn, RoleSessionName="links", DurationSeconds=int(SESSION.total_seconds())
            )["Credentials"]
            self._made = self._s3_of(taken), taken["Expiration"]
        return self._made[0].generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=int(SESSION.total_seconds())
        )
