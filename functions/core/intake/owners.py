"""Whose a file or an event is, by the stage's settings."""

from collections.abc import Callable
from urllib.parse import quote, unquote

OWN_FOLDERS = "owners/"  # in it, each owner has a folder: what is sent over HTTP lies there


def own_folder(owner: str, within: str = OWN_FOLDERS) -> str:
    """The folder of an owner in the prompts bucket, or within another folder, with a slash at its end."""
    # A name of dots alone would be no folder for other tools.
    return f"{within}{quote(owner, safe='').replace('.', '%2E')}/"


def owner_of_file(settings: tuple[str, ...], key: str) -> str:
    """Who has the own folder that holds the file, or else, of the settings "folder=owner", the deepest folder that
    does: `alice` does not hold `alice-evil.txt`."""
    name, slash, _ = key.removeprefix(OWN_FOLDERS).partition("/")
    if key.startswith(OWN_FOLDERS) and name and slash:
        return unquote(name)
    return _owner(settings, lambda folder: key.startswith(f"{folder.rstrip('/')}/"))


def owner_of_event(settings: tuple[str, ...], source: str) -> str:
    """Of the settings "source=owner" the one that names the event's source."""
    return _owner(settings, lambda name: name == source)


def _owner(settings: tuple[str, ...], fits: Callable[[str], bool]) -> str:
    """The owner of the longest name that fits; the empty name fits everything."""
    pairs = [setting.rpartition("=") for setting in settings]
    fitting = [(name, owner) for name, _, owner in pairs if not name or fits(name)]
    return max(fitting, key=lambda pair: len(pair[0]), default=("", "nobody"))[1]
