"""The archive of videos."""

from dataclasses import dataclass

import wiring
from core.archive.download import Allowed
from core.archive.store import OPTIONS, Archive


@dataclass(frozen=True)
class UsesArchive:
    videos_bucket: str
    video_hosts: tuple[str, ...]
    allow_local_video_hosts: bool
    max_video_bytes: int


def make_archive(settings: UsesArchive) -> Archive:
    """Return the archive, with the limits for downloads."""
    allowed = Allowed(settings.video_hosts, settings.max_video_bytes, local=settings.allow_local_video_hosts)
    return Archive(wiring.client("s3", **OPTIONS), settings.videos_bucket, allowed)
