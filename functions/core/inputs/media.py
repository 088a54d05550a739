"""Detect the media type of an image, audio file or video from its first bytes."""

import re

HEAD_BYTES = 64  # needed to detect a type

# The first bytes of each type, and its file extension, which providers look at.
_SIGNATURES = (
    ("image/png", rb"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", rb"\xff\xd8\xff"),
    ("image/gif", rb"GIF8[79]a"),
    ("image/webp", rb"RIFF.{4}WEBP"),
    ("image/avif", rb".{4}ftypavi[fs]"),
    ("image/heic", rb".{4}ftyp(hei[cx]|hevc|mif1|msf1)"),
    ("audio/wav", rb"RIFF.{4}WAVE"),
    ("audio/mp4", rb".{4}ftypM4[AB] "),
    ("audio/mpeg", rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]"),
    ("audio/aac", rb"\xff[\xf0\xf1\xf8\xf9]"),
    ("audio/ogg", rb"OggS"),
    ("audio/flac", rb"fLaC"),
    ("video/quicktime", rb".{4}(ftypqt  |moov|mdat|wide)"),
    ("video/mp4", rb".{4}ftyp"),
    ("video/webm", rb"\x1aE\xdf\xa3.*webm"),
)
SUFFIXES = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/heic": "heic",
    "audio/wav": "wav",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/aac": "aac",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
    "video/quicktime": "mov",
    "video/mp4": "mp4",
    "video/webm": "webm",
}


def is_input(key: str) -> bool:
    """Return whether an object in the prompts bucket is an input file and not a prompt file, by its folder and type."""
    folders, _, name = key.rpartition("/")
    return "inputs" in folders.split("/") and name.rpartition(".")[2].lower() in {*SUFFIXES.values(), "jpeg"}


def media_type(head: bytes) -> str | None:
    """Return the media type of a file with these first bytes, or None if no model accepts its type."""
    return next((kind for kind, signature in _SIGNATURES if re.match(signature, head, re.DOTALL)), None)
