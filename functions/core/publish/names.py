"""Name the files that browsers save.

The client (`promptreel.results`) and the console (`download.js`) name files by the same rule, each in its own package.
A test compares the three.
"""

import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import quote

from core.generation import Generation

MAX_WORDS, MAX_BYTES = 6, 80
ID_DIGITS = 8


def download_name(generation: Generation) -> str:
    """Return the row in its batch, its name or the first words of its prompt, and the first digits of its id."""
    prompt = generation.request.get("prompt")
    words = " ".join(prompt.split()[:MAX_WORDS]) if isinstance(prompt, str) else ""
    row = f"{generation.row_number:05d}-" if generation.row_number else ""
    suffix = PurePosixPath(generation.video.key).suffix if generation.video else ""
    return f"{row}{slug(generation.name or words) or 'video'}-{generation.generation_id[:ID_DIGITS]}{suffix}"


def disposition(name: str, plain: str) -> str:
    """Return the header `Content-Disposition` for a file that is shown. `plain` is its name for ASCII only."""
    if name.isascii():
        return f'inline; filename="{name}"'
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"  # RFC 6266


def slug(text: str) -> str:
    """Return letters and digits of any script, with their marks, joined by dashes."""
    kept: list[str] = []
    for one in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(one)[0]
        belongs = kind in "LN" or one == "_" or (kind == "M" and bool(kept) and kept[-1] != "-")
        kept.append(one if belongs else "-")
    words = re.sub("-+", "-", "".join(kept)).strip("-_")
    return words.encode()[:MAX_BYTES].decode(errors="ignore").strip("-_")
