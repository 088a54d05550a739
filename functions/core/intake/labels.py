"""Read the name and the tags of a request, which are the user's own and are not sent to the provider.

A tag is `key=value`, or only a key.
"""

import re

from core.errors import InvalidRequest

MAX_NAME = 200  # characters
MAX_TAGS, MAX_KEY, MAX_VALUE = 20, 50, 100  # tags of one generation; characters of a tag's key and of its value
_CONTROL = r"\x00-\x1f\x7f"
_KEY = rf"[^\s{_CONTROL},;=](?:[^{_CONTROL},;=]{{0,{MAX_KEY - 2}}}[^\s{_CONTROL},;=])?"
_VALUE = rf"[^\s{_CONTROL},;](?:[^{_CONTROL},;]{{0,{MAX_VALUE - 2}}}[^\s{_CONTROL},;])?"
TAG = f"{_KEY}(?:={_VALUE})?"
TAGS = rf"^\s*(?:{TAG})?\s*(?:[,;]\s*(?:{TAG})?\s*)*$"
HEADER = "promptreel-tags"  # an alternative to the query's `tag`, for callers that set headers once for all calls


def name_of(value: object) -> str | None:
    """Return the name in a request, or None if it has none. Raise `InvalidRequest` if the name is not valid."""
    if value is None or (isinstance(value, str) and len(value) <= MAX_NAME and _is_unicode(value)):
        return " ".join((value or "").split()) or None
    raise InvalidRequest(f"`name` must be a text of at most {MAX_NAME} characters.", "name")


def tags_of(value: object, field: str = "tags") -> tuple[str, ...]:
    """Return the tags in a list, or in a text that separates them by commas or semicolons.

    Raise `InvalidRequest` if they are not valid.
    """
    found = re.split("[,;]", value) if isinstance(value, str) else [] if value is None else value
    if not isinstance(found, list) or not all(isinstance(one, str) and _is_unicode(one) for one in found):
        raise _invalid(field)
    tags: dict[str, str] = {}  # by their keys
    for tag in filter(None, map(str.strip, found)):
        if not re.fullmatch(TAG, tag):
            raise _invalid(field)
        key = tag.partition("=")[0]
        if tags.setdefault(key, tag) != tag:
            raise InvalidRequest(f"`{field}` has two tags with the key `{key}`. Use each key once.", field)
    if len(tags) > MAX_TAGS:
        raise _invalid(field)
    return tuple(tags.values())


def _invalid(field: str) -> InvalidRequest:
    return InvalidRequest(
        f"`{field}` must be at most {MAX_TAGS} tags, separated by commas. A tag is `key=value` or a word: a key of at "
        f"most {MAX_KEY} characters, and a value of at most {MAX_VALUE}.",
        field,
    )


def _is_unicode(text: str) -> bool:
    """Return whether the text is valid Unicode. JSON may hold half a surrogate pair, which is not."""
    return text.encode("utf-8", "ignore").decode() == text
