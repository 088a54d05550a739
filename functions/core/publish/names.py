"""Name the files that browsers save."""

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
    return f"{row}{_slug(generation.name or words) or 'video'}-{generation.generation_id[:ID_DIGITS]}{suffix}"


def disposition(name: str, plain: str) -> str:
    """Return the header `Content-Disposition` for a file that is shown. `plain` is its name for ASCII only."""
    if name.isascii():
        return f'inline; filename="{name}"'
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"  # RFC 6266


def _slug(text: str) -> str:
    """Return letters and digits of any script, joined by dashes. The client names files in the same way."""
    text = unicodedata.normalize("NFC", text)
    text = re.sub("-+", "-", "".join(one if one.isalnum() or one == "_" else "-" for one in text)).strip("-_")
    return text.encode()[:MAX_BYTES].decode(errors="ignore").strip("-")
