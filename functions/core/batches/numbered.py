"""The names of further batches of one file: week.csv, week-2.csv, week-3.csv and so on."""

import posixpath
from collections.abc import Iterator

from core.errors import InvalidFile

MAX_NAME = 200  # characters of a file's name
MOST_OF_A_NAME = 100  # batches with the same name, apart from the number


def numbered(name: str) -> Iterator[str]:
    """Yield the names of the second and all further batches. Raise `InvalidFile` if there are too many."""
    stem, suffix = posixpath.splitext(name)
    for number in range(2, MOST_OF_A_NAME + 1):
        tail = f"-{number}{suffix}"
        yield stem[: MAX_NAME - len(tail)] + tail
    raise InvalidFile(f"There are already {MOST_OF_A_NAME} batches named like {name}: choose another name.")
