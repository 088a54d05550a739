"""Whose a file or an event is, by the stage's settings."""

from collections.abc import Callable


def owner_of_file(settings: tuple[str, ...], key: str) -> str:
    """Of the settings "folder=owner" the deepest folder that holds the file: `alice` does not hold `alice-evil.txt`."""
    return _owner(settings, lambda folder: key.startswith(f"{folder.rstrip('/')}/"))


def owner_of_event(settings: tuple[str, ...], source: str) -> str:
    """Of the settings "source=owner" the one that names the event's source."""
    return _owner(settings, lambda name: name == source)


def _owner(settings: tuple[str, ...], fits: Callable[[str], bool]) -> str:
    """The owner of the longest name that fits; the empty name fits everything."""
    pairs = [setting.rpartition("=") for setting in settings]
    fitting = [(name, owner) for name, _, owner in pairs if not name or fits(name)]
    return max(fitting, key=lambda pair: len(pair[0]), default=("", "nobody"))[1]
