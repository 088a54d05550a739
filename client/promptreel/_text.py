"""Find unprintable characters: the same set as in the API, in every version of Python."""

import re

# Control characters, half surrogate pairs, and what breaks a line, changes its direction or has no width. The two
# joiners (U+200C, U+200D) are allowed, since languages and emoji need them.
UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff]"
)
