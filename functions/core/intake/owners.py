"""Whose a file or an event is, by the stage's settings."""

from collections.abc import Callable


def owner_of(settings: tuple[str, ...], given: str, fits: Callable[[str, str], bool]) -> str:
    """Of the settings "name=owner" the longest name that fits `given`; the empty name fits everything."""
    pairs = [setting.rpartition("=") for setting in settings]
    fitting = [(name, owner) for name, _, owner in pairs if not name or fits(given, name)]
    return max(fitting, key=lambda pair: len(pair[0]), default=("", "nobody"))[1]
