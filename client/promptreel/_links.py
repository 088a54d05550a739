"""The methods of `Client` for short links."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from promptreel._http import Http
from promptreel.generation import Generation

PATH = "/v2/video/generations"
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Link:
    """A short link to a video, which works for anyone without a key."""

    number: int  # names the link within its generation
    url: str = field(repr=False)  # hidden, because it works without a key
    page_url: str = field(repr=False)  # a page that plays the video
    automatic: bool  # whether it is `video.url` for keys with short links
    created_at: datetime
    expires_at: datetime | None  # None if it does not expire
    shows_prompt: bool  # on its page
    opens_today: int  # on this day (UTC); those within a minute count as one
    raw: Mapping[str, Any] = field(repr=False, compare=False)  # the API's own object

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Link":
        """Read the link from the API's response."""
        return cls(
            number=raw["number"],
            url=raw["url"],
            page_url=raw["page_url"],
            automatic=raw["automatic"],
            created_at=datetime.fromisoformat(raw["created_at"]),
            expires_at=datetime.fromisoformat(raw["expires_at"]) if raw.get("expires_at") else None,
            shows_prompt=raw.get("shows_prompt", False),
            opens_today=raw["opens_today"],
            raw=raw,
        )


class Links:
    """The part of `Client` that makes, lists and revokes short links to videos."""

    _http: Http

    def create_link(
        self, generation: str | Generation, lifetime: timedelta | None = WEEK, *, show_prompt: bool = False
    ) -> Link:
        """Make a short link to a video. It works for `lifetime`, at least an hour, or for ever if that is None.

        With `show_prompt`, its page shows the prompt to everyone with the link.
        """
        body: dict[str, Any] = {"expires_in": None if lifetime is None else int(lifetime.total_seconds())}
        body |= {"show_prompt": True} if show_prompt else {}
        headers = {"Idempotency-Key": uuid4().hex}  # a retry makes no second link
        return Link.from_json(self._http.call("POST", _path(generation), body=body, headers=headers))

    def links(self, generation: str | Generation) -> tuple[Link, ...]:
        """Return the short links of a generation that work, oldest first."""
        return tuple(map(Link.from_json, self._http.call("GET", _path(generation))["data"]))

    def revoke_link(self, generation: str | Generation, number: int) -> None:
        """Revoke a short link. Revoking it again does nothing. Raise `NotFound` for an unknown number."""
        self._http.call("DELETE", f"{_path(generation)}/{number}")


def _path(generation: str | Generation) -> str:
    which = generation.id if isinstance(generation, Generation) else generation
    return f"{PATH}/{quote(which, safe='')}/links"
