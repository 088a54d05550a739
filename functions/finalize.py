"""State Finalize: archive the video in S3 and announce it."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.announcement import Announcer
from core.archive import Archive
from core.download import Allowed
from core.finalize import finalize
from core.ledger import Ledger
from core.provider import Provider
from core.secrets import ProviderKey
from wiring import client, logger, now


@dataclass(frozen=True)
class Settings:
    table_name: str
    provider_url: str
    provider_key_secret: str
    videos_bucket: str
    video_hosts: tuple[str, ...]
    allow_local_video_hosts: bool
    max_video_bytes: int
    topic_arn: str
    bus_name: str


@cache
def _wired() -> tuple[Ledger, Provider, Archive, Announcer]:
    s = settings.read(Settings)
    allowed = Allowed(s.video_hosts, s.max_video_bytes, local=s.allow_local_video_hosts)
    return (
        Ledger(client("dynamodb"), s.table_name, now),
        Provider(s.provider_url, ProviderKey(client("secretsmanager"), s.provider_key_secret)),
        Archive(client("s3"), s.videos_bucket, allowed),
        Announcer(client("sns"), s.topic_arn, client("events"), s.bus_name),
    )


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """{"generation_id"} → {"generation_id", "status": "completed", "video": where it is and what was verified}."""
    ledger, provider, archive, announcer = _wired()
    generation = finalize(event["generation_id"], ledger, provider, archive, announcer)
    logger.info("archived", generation_id=generation.generation_id, video=generation.video)
    return {
        "generation_id": generation.generation_id,
        "status": generation.status,
        "video": generation.video,
    }
