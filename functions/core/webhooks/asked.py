"""Check the webhook of a request: its URL must be on the public internet, and its events must exist."""

import re

from core.errors import InvalidRequest
from core.generation import Webhook
from core.public import is_public, parts_of

COMPLETED, FAILED = EVENTS = ("completed", "failed")
MAX_URL = 2000  # characters
_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"({_LABEL}\.)+[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?\.?", re.IGNORECASE)
_OWN_NETWORK = (".localhost", ".local", ".internal", ".home.arpa")  # names that no public server has


def webhook_of(url: object, events: object, *, local: bool) -> Webhook | None:
    """Return the webhook of a request, or None. Raise `InvalidRequest` for a webhook that could not be sent to.

    `events` is a list or a comma-separated text; the default is all events. `local` also allows private addresses and
    http. A name that resolves to a private address is rejected only when the message is sent.
    """
    wanted = _events(events)
    if url in (None, ""):
        return None
    if not isinstance(url, str) or len(url) > MAX_URL:
        raise InvalidRequest(f"`webhook` must be a URL of at most {MAX_URL} characters.", "webhook")
    parts = parts_of(url)
    if parts is None or not parts.hostname or parts.fragment:
        raise InvalidRequest("`webhook` must be a plain URL without credentials and without a fragment.", "webhook")
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise InvalidRequest("`webhook` must begin with https://.", "webhook")
    if not local and not _may_be_public(parts.hostname):
        raise InvalidRequest("`webhook` must be on the public internet, not in a private network.", "webhook")
    return Webhook(url, wanted)


def _may_be_public(host: str) -> bool:
    try:
        return is_public(host)
    except ValueError:
        return bool(_NAME.fullmatch(host)) and not host.rstrip(".").lower().endswith(_OWN_NETWORK)


def _events(asked: object) -> list[str]:
    found = re.split("[,;]", asked) if isinstance(asked, str) else list(EVENTS) if asked is None else asked
    if not isinstance(found, list) or not all(isinstance(one, str) and one.strip() in (*EVENTS, "") for one in found):
        raise InvalidRequest(f"`webhook_events` must be one or more of {', '.join(EVENTS)}.", "webhook_events")
    named = {one.strip() for one in found}
    return [one for one in EVENTS if one in named] or list(EVENTS)
