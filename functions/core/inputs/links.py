"""Make links to inputs for the provider when a request is submitted, because it may have waited for weeks before."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.archive.retention import KEEP_ALL, Retention
from core.errors import InputUnavailable, InvalidRequest
from core.generation import ArchivedVideo, Clock, Generation, Given, Status, Tombstone, replaced
from core.records.ledger import Ledger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SESSION = timedelta(hours=1)  # the maximum for a role that another role assumes
LINKS_LIVE = timedelta(minutes=45)  # at least, which is longer than the provider works on a generation

_FAILED = ", whose video is an input, failed: "


def latest(generation_id: str, ledger: Ledger) -> Generation | Tombstone | None:
    """Return the generation, or the one that replaced it in its batch by a retry."""
    found = ledger.submission(generation_id)
    while isinstance(found, Generation) and found.retried_as:
        found = ledger.submission(found.retried_as)
    return found


def source_of(given: Given, owner: str, ledger: Ledger) -> Generation:
    """Return the generation whose video is the input, even if it has not ended.

    Raise `InputUnavailable` if it will never have a video.
    """
    source = latest(str(given.generation_id), ledger)
    if not isinstance(source, Generation) or source.owner != owner:
        raise InputUnavailable(f"Generation {given.generation_id}, whose video is an input, was deleted.")
    if source.error:
        # In a chain, show the reason of the first failure only.
        reason = str(source.error).rpartition(_FAILED)[2]
        raise InputUnavailable(f"Generation {source.generation_id}{_FAILED}{reason}")
    return source


@dataclass(frozen=True)
class Links:
    """Makes links; `sign` returns one for an object's bucket and key."""

    ledger: Ledger
    videos_bucket: str
    sign: Callable[[str, str], str]
    retention: Retention = KEEP_ALL

    def request_of(self, generation: Generation) -> dict[str, Any]:
        """Return the request for the provider, with links instead of references.

        Raise `InputUnavailable` if an input does not exist, or if the model does not accept it.
        """
        if not generation.given:
            return generation.request
        links = {given.reference: self._link(given, generation) for given in generation.given}
        return dict(replaced(generation.request, links))

    def _link(self, given: Given, generation: Generation) -> str:
        if given.key is not None:
            return self.sign(self.videos_bucket, given.key)
        source = source_of(given, generation.owner, self.ledger)
        if source.status is not Status.COMPLETED or source.video is None:
            raise InputUnavailable(f"Generation {source.generation_id}, whose video is an input, has not ended.")
        if expired := self.retention.expired(source, self.ledger.now()):
            raise InputUnavailable(f"Generation {source.generation_id}, whose video is an input: {expired.message}")
        _check_video(source.video, given, generation)
        return self.sign(source.video.bucket, source.video.key)


def _check_video(video: ArchivedVideo, given: Given, generation: Generation) -> None:
    """Raise `InputUnavailable` unless the model accepts this video, which may be newer than the acceptance."""
    from core.inputs.check import check  # noqa: PLC0415 - few requests have a video as an input
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
    """Signs links as a role that may only read videos and inputs.

    A link expires with the credentials that signed it. The function's own credentials have an unknown lifetime, but
    those of an assumed role have a known one, so a link works for at least `LINKS_LIVE`.
    """

    def __init__(self, sts: Any, role_arn: str, s3_of: Callable[[Any], "S3Client"], now: Clock) -> None:
        self._sts = sts
        self._role_arn = role_arn
        self._s3_of = s3_of
        self._now = now
        self._made: tuple[S3Client, datetime] | None = None  # the client, and when its credentials expire

    def __call__(self, bucket: str, key: str) -> str:
        """Return a link to read an object."""
        if self._made is None or self._made[1] - self._now() < LINKS_LIVE:
            taken = self._sts.assume_role(
                RoleArn=self._role_arn, RoleSessionName="links", DurationSeconds=int(SESSION.total_seconds())
            )["Credentials"]
            self._made = self._s3_of(taken), taken["Expiration"]
        return self._made[0].generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=int(SESSION.total_seconds())
        )
