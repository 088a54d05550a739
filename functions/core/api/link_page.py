"""Write the pages that a reader without a key sees behind a short link.

They have the look of the console and follow the theme of the reader's system. They have neither scripts nor an origin,
and load only the video and its poster. `link_page.css` has the console's tokens, which a test compares.
"""

import base64
import hashlib
import html
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from core.api.opening import Opened
from core.generation import ArchivedVideo

NAME = "Shared video"  # the heading of a page that does not show the prompt
MAX_TITLE = 90  # characters of the prompt in the title
USUAL = (16, 9)  # the shape of a video whose size is unknown
_STYLE = Path(__file__).with_suffix(".css").read_text("utf-8")
_MARK = (
    '<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8"/>'
    '<path d="M12 9.5v13l11-6.5z"/></svg>'
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
{metas}
<style>{style}</style>
</head>
<body>
<header>{mark} Promptreel</header>
<main>
{main}
</main>
</body>
</html>
"""


@dataclass(frozen=True)
class Sources:
    """The addresses of a page. All but `card` are presigned links to the bucket."""

    video: str
    download: str
    poster: str | None  # None if the video has no poster
    card: str | None  # the short address of the poster, for the preview in a chat


@dataclass(frozen=True)
class Page:
    """The HTML of a page, and its Content-Security-Policy."""

    html: str
    policy: str


def video_page(opened: Opened, sources: Sources) -> Page:
    """Return the page that plays the video of a link."""
    video, heading = opened.video, opened.prompt or NAME
    until = _moment(opened.expires_at) if opened.expires_at else "its owner ends it"
    main = (
        f'<div class="player">{_player(video, sources)}</div>\n'
        f'<h1 dir="auto">{html.escape(heading)}</h1>\n'
        f"<p>{html.escape(' · '.join(_facts(video)))}</p>\n"
        f'<a class="button" href="{html.escape(sources.download)}" download>Download</a>\n'
        f"<p>Anyone with this link can watch the video until {until}.</p>"
    )
    title = _shortened(heading)
    card = {"og:site_name": "Promptreel", "og:type": "video.other", "og:title": title, "og:image": sources.card}
    metas = [f'<meta property="{name}" content="{html.escape(text)}">' for name, text in card.items() if text]
    if sources.card:
        metas.append('<meta name="twitter:card" content="summary_large_image">')
    at = urlsplit(sources.video)
    width, height = video.facts.width or USUAL[0], video.facts.height or USUAL[1]
    style = f"{_STYLE}:root{{--ratio:{width}/{height}}}"
    return _page(title, "\n".join(metas), main, style, f"{at.scheme}://{at.netloc}")


def refusal_page(heading: str, advice: str) -> Page:
    """Return the page of a link that does not play a video."""
    main = f"<h1>{html.escape(heading)}</h1>\n<p>{html.escape(advice)}</p>"
    return _page(heading, "", main, _STYLE, None)


def _page(title: str, metas: str, main: str, style: str, host: str | None) -> Page:
    loads = f"media-src {host}; img-src {host}; " if host else ""
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"sandbox allow-downloads; default-src 'none'; {loads}style-src 'sha256-{allowed}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Page(_PAGE.format(title=html.escape(title), metas=metas, style=style, mark=_MARK, main=main), policy)


def _player(video: ArchivedVideo, sources: Sources) -> str:
    source = html.escape(sources.video)
    if video.content_type.startswith("image/"):
        return f'<img alt="The video" src="{source}">'
    poster = f' poster="{html.escape(sources.poster)}"' if sources.poster else ""
    return f'<video controls playsinline{poster} src="{source}"></video>'


def _facts(video: ArchivedVideo) -> list[str]:
    """Return what is known about the video, as people read it."""
    facts = video.facts
    found = (
        facts.width and facts.height and f"{facts.width} \u00d7 {facts.height}",
        facts.duration_ms and f"{round(facts.duration_ms / 1000, 1):g} s",
        facts.frames_per_1000_s and f"{facts.frames_per_1000_s / 1000:.4g} fps",
        facts.has_sound is not None and ("with sound" if facts.has_sound else "no sound"),
        _bytes(video.size),
    )
    return [one for one in found if isinstance(one, str)]


def _bytes(size: int) -> str:
    """Return a size as the console shows it (`console/format.js`)."""
    power = min(3, (len(str(size)) - 1) // 3)
    value = size / 1000**power
    return f"{value:.{1 if power and value < 100 else 0}f} {('B', 'kB', 'MB', 'GB')[power]}"  # noqa: PLR2004 - as there


def _moment(iso: str) -> str:
    at = datetime.fromisoformat(iso).astimezone(UTC)
    return f'<time datetime="{iso}">{at.day} {at:%B %Y, %H:%M} UTC</time>'


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_TITLE else f"{line[: MAX_TITLE - 2]} …"
