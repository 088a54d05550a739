"""Read how a generation ends from its prompt: `A kite [sandbox: fail, 20 s]`. docs/sandbox.md lists the directives."""

import re
from http import HTTPStatus
from typing import Literal

from local.simulator.models import Refused
from local.simulator.scripts import ApiBehaviour, Script

Link = Literal["usual", "wrong host", "missing video", "broken video"]

MOST = 4  # directives in a prompt, because the id carries them
LINKS: tuple[Link, ...] = ("wrong host", "missing video", "broken video")
_DIRECTIVES = re.compile(r"\[sandbox:([^\[\]]*)\]")
_SECONDS = re.compile(r"(\d{1,4}) s")
_STATUS = re.compile(r"([45]\d\d) (once|twice|always)")
_WORDS = ("fail", "never", "lost", *LINKS)
_TIMES = {"once": 1, "twice": 2, "always": 1}
_RETRY_AFTER = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


def directives_of(prompt: str) -> list[str]:
    """Return the directives of a prompt. Raise Refused (400) if one does not exist."""
    found = [word.strip() for text in _DIRECTIVES.findall(prompt) for word in text.split(",")]
    if len(found) > MOST:
        raise Refused(HTTPStatus.BAD_REQUEST, f"A prompt can have {MOST} directives of the sandbox at most.")
    for word in found:
        if word not in _WORDS and not _SECONDS.fullmatch(word) and not _STATUS.fullmatch(word):
            raise Refused(
                HTTPStatus.BAD_REQUEST,
                f"The sandbox has no directive {word[:40]!r}. Use {', '.join(_WORDS)}, a duration such as 20 s, or a "
                "status such as 429 once.",
            )
    return found


def as_text(directives: list[str]) -> str:
    """Return directives as a prompt that has only them."""
    return f"[sandbox: {', '.join(directives)}]" if directives else ""


def script_of(prompt: str) -> Script:
    """Return the simulator's script for a prompt."""
    script: Script = {}
    for word in directives_of(prompt):
        if word == "fail":
            script["outcome"] = "error"
        elif word == "never":
            script["outcome"] = "never"
        elif word == "lost":
            script["create"] = [{"status": HTTPStatus.GATEWAY_TIMEOUT, "accept": True, "repeat": True}]
        elif seconds := _SECONDS.fullmatch(word):
            script["seconds"] = float(seconds[1])
        elif status := _STATUS.fullmatch(word):
            script["create"] = [_answer(int(status[1]), status[2] == "always")] * _TIMES[status[2]]
    return script


def link_of(prompt: str) -> Link:
    """Return what is wrong with the link to the video."""
    found = directives_of(prompt)
    return next((link for link in LINKS if link in found), "usual")


def _answer(status: int, is_repeated: bool) -> ApiBehaviour:
    message = "The prompt asks the sandbox for this answer."
    behaviour: ApiBehaviour = {"status": status, "message": message, "repeat": is_repeated}
    return {**behaviour, "headers": {"Retry-After": "1"}} if status in _RETRY_AFTER else behaviour
