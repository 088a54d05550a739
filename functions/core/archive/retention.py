"""Decide how long videos are kept and their storage class, by default and by the tags of their generations.

A video is stored with one tag of its own, which names its rule, and a lifecycle rule of the bucket deletes the videos
of each rule. The record names the rule as well, so a video's end follows from the record and the stage's settings.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from core.errors import VideoExpired
from core.generation import Failure, Generation, has_tag, iso

OBJECT_TAG = "promptreel-retention"
DEFAULT = "default"  # the name of the rule without a tag
# S3 returns all of them at once, and bills a video that is deleted sooner for as many days.
STORAGE_CLASSES = {"STANDARD": 0, "INTELLIGENT_TIERING": 0, "STANDARD_IA": 30, "GLACIER_IR": 90}
# S3 counts from the beginning of an upload, which is at most two days before the end of a generation: an incomplete
# upload is deleted after a day, at the next midnight. A video that the API shows is therefore always there.
LATER_DAYS = 2
_RULE = re.compile(
    rf"(?P<tag>[\w .:/=+@-]*): (?:keep|(?P<days>[1-9]\d{{0,4}}) days?)(?: (?P<storage>{'|'.join(STORAGE_CLASSES)}))?"
)


@dataclass(frozen=True)
class Rule:
    """How long the videos of generations with a tag are kept. An empty tag fits all."""

    tag: str = ""
    days: int | None = None  # None for ever
    storage: str = "STANDARD"

    @classmethod
    def of(cls, text: str) -> "Rule":
        """Read `project=drafts: 30 days` or `final: keep GLACIER_IR`. Raise ValueError with a sentence."""
        found = _RULE.fullmatch(text)
        if found is None or found["tag"] == DEFAULT or len(found["tag"]) > 150:  # noqa: PLR2004 - of a user's tag
            raise ValueError(
                f"{text!r} is not a rule: write it as `project=drafts: 30 days` or `final: keep GLACIER_IR`."
            )
        rule = cls(found["tag"], int(found["days"]) if found["days"] else None, found["storage"] or "STANDARD")
        least = STORAGE_CLASSES[rule.storage]
        if rule.days is not None and rule.days < least:
            raise ValueError(f"{text!r} would pay for {least} days of {rule.storage}: keep the videos longer.")
        return rule

    @property
    def name(self) -> str:
        """Return the name of the rule, which is the value of the object's tag."""
        return self.tag or DEFAULT

    @property
    def options(self) -> dict[str, Any]:
        """Return the options of the S3 call that stores a video of this rule."""
        storage = {} if self.storage == "STANDARD" else {"StorageClass": self.storage}
        return {"Tagging": urlencode({OBJECT_TAG: self.name}), **storage}

    def fits(self, tags: Collection[str]) -> bool:
        """Return whether the rule is for a generation with these tags. A key without a value fits every value."""
        return not self.tag or has_tag(tags, self.tag)


@dataclass(frozen=True)
class Retention:
    """The rules of a stage. The first one that fits applies."""

    rules: tuple[Rule, ...] = (Rule(),)

    @classmethod
    def of(cls, texts: Collection[str]) -> "Retention":
        """Read the rules of a stage's settings. The last one has no tag."""
        return cls(tuple(map(Rule.of, texts)))

    @property
    def is_by_tag(self) -> bool:
        """Return whether the rule of a generation depends on its tags."""
        return len(self.rules) > 1

    def rule_of(self, generation: Generation) -> Rule:
        """Return the rule that is recorded, or else the one that fits the present tags."""
        name, tags = generation.video_rule, generation.tags or ()
        fitting = (rule for rule in self.rules if (rule.name == name if name else rule.fits(tags)))
        return next(fitting, Rule(name or ""))

    def expires_at(self, generation: Generation) -> datetime | None:
        """Return when the API stops showing the video, or None if it has none or keeps it."""
        days = self.rule_of(generation).days if generation.video_rule else None
        if days is None or generation.video is None or generation.ended_at is None:
            return None
        return generation.ended_at + timedelta(days=days)

    def expired(self, generation: Generation, now: datetime) -> Failure | None:
        """Return the reason if the generation has a video that has expired."""
        at = self.expires_at(generation)
        if at is None or at > now:
            return None
        return Failure(VideoExpired.__name__, f"The video expired at {iso(at)} and was deleted.")

    def seen(self, generation: Generation, now: datetime) -> Generation:
        """Return the generation. If its video has expired, return it without the video and with the reason."""
        failure = self.expired(generation, now)
        return replace(generation, video=None, error=failure) if failure else generation


KEEP_ALL = Retention()
