"""Detect the container format of a video from its first bytes, not from its name, host or model."""

CONTENT_TYPES = {  # by file extension
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "gif": "image/gif",
}
HEAD_BYTES = 12  # needed to detect the container


def container_of(head: bytes | bytearray) -> str:
    """Return the container, a key of `CONTENT_TYPES`, of a file with these first bytes.

    An unknown format counts as `mp4`, because the check for MP4 then rejects it.
    """
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "webm"
    if head.startswith(b"GIF8"):
        return "gif"
    return "mov" if head[4:12] == b"ftypqt  " else "mp4"
