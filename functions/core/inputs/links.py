"""Links for the provider to what a request names, made when it is submitted: it may have waited for weeks before."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.errors import InputUnavailable
from core.generation import Clock, Generation, Given, Status, replaced
from core.records.ledger import Ledger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SESSION = timedelta(hours=1)  # the longest for a role that is taken on by another one
LINKS_LIVE = timedelta(minutes=45)  # at least: longer than the provider works on a generation


def source_of(given: Given, owner: str, ledger: Ledger) -> Generation:
    """The generation whose video it is, which may not have ended; `InputUnavailable` if it will have none."""
    source = ledger.submission(str(given.generation_id))
    while isinstance(source, Generation) and source.retried_as:  # another one took its place in the batch
        source = ledger.submission(source.retried_as)
    if not isinstance(source, Generation) or source.owner != owner:
        raise InputUnavailable(f"Generation {given.generation_id}, whose video it takes, was deleted.")
    if source.error:
        raise InputUnavailable(f"Generation {source.generation_id}, whose video it takes, failed: {source.error}")
    return source


@dataclass(frozen=True)
class Links:
    """Makes links: `sign` of an object's bucket and key."""

    ledger: Ledger
    videos_bucket: str
    sign: Callable[[str, str], str]

    def request_of(self, generation: Generation) -> dict[str, Any]:
        """The request as the provider takes it: with links for references. `InputUnavailable` if one has nothing."""
        links = {given.reference: self._link(given, generation.owner) for given in generation.given or ()}
        return dict(replaced(generation.request, links)) if links else generation.request

    def _link(self, given: Given, owner: str) -> str:
        if given.key is not None:
            return self.sign(self.videos_bucket, given.key)
        source = source_of(given, owner, self.ledger)
        if source.status is not Status.COMPLETED or source.video is None:
            raise InputUnavailable(f"Generation {source.generation_id}, whose video it takes, has not ended.")
        return self.sign(source.video.bucket, source.video.key)


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
