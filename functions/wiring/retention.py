"""The rules that say how long videos are kept."""

from dataclasses import dataclass

from core.archive.retention import Retention


@dataclass(frozen=True)
class UsesRetention:
    video_rules: tuple[str, ...]


def make_retention(settings: UsesRetention) -> Retention:
    """Return the rules of the stage."""
    return Retention.of(settings.video_rules)
