"""Make the poster of a video, after its generation was announced as completed."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent

import wiring
from core import settings
from core.posters.posters import Posters
from wiring import logger


@dataclass(frozen=True)
class Settings:
    videos_bucket: str
    poster_packages: tuple[str, ...]


@cache
def _wired() -> Posters:
    s = settings.read(Settings)
    return Posters(wiring.client("s3"), s.videos_bucket, s.poster_packages)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> None:
    """Make the poster for an event `Generation Completed`."""
    detail = EventBridgeEvent(event).detail
    size = _wired().make(detail["video"]["key"])
    logger.info("no poster" if size is None else "poster made", generation_id=detail["generation_id"], bytes=size)
