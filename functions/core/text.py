"""Find characters that cannot be shown. `str.isprintable` knows newer characters in newer versions of Python."""

import re

# Control characters, half surrogate pairs, and characters that break a line, change its direction or have no width.
# The two joiners (U+200C, U+200D) are allowed, because languages and emoji need them.
UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff]"
)


def is_printable(text: str) -> bool:
    """Return whether a text can be shown in one line without a change."""
    return not UNPRINTABLE.search(text)
