"""What a video comes in: told by its first bytes, whatever its name, its host or its model says."""

CONTENT_TYPES = {  # by what a file's name ends with
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "gif": "image/gif",
}
HEAD_BYTES = 12  # that tell one from another


def container_of(head: bytes | bytearray) -> str:
    """One of `CONTENT_TYPES` for a file that begins so. What is none of them is taken for an MP4, whose check says
    so."""
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "webm"
    if head.startswith(b"GIF8"):
        return "gif"
    return "mov" if head[4:12] == b"ftypqt  " else "mp4"
