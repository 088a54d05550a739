"""Find the owner of a file or an event in the stage's settings."""

from collections.abc import Callable
from urllib.parse import quote, unquote

OWN_FOLDERS = "owners/"  # holds a folder for each owner, with the files that were sent over HTTP


def own_folder(owner: str, within: str = OWN_FOLDERS) -> str:
    """Return an owner's folder in the prompts bucket, or inside another folder, with a slash at its end."""
    # Other tools would not treat a name of only dots as a folder.
    return f"{within}{quote(owner, safe='').replace('.', '%2E')}/"


def owner_of_file(settings: tuple[str, ...], key: str) -> str:
    """Return the owner of the folder that holds the file.

    If it is not in an owner's own folder, the deepest folder of the settings "folder=owner" decides. A folder `alice`
    does not hold `alice-evil.txt`.
    """
    name, slash, _ = key.removeprefix(OWN_FOLDERS).partition("/")
    if key.startswith(OWN_FOLDERS) and name and slash:
        return unquote(name)
    return _owner(settings, lambda folder: key.startswith(f"{folder.rstrip('/')}/"))


def owner_of_event(settings: tuple[str, ...], source: str) -> str:
    """Return the owner whom the settings "source=owner" name for the event's source."""
    return _owner(settings, lambda name: name == source)


def _owner(settings: tuple[str, ...], fits: Callable[[str], bool]) -> str:
    """Return the owner of the longest name that fits; the empty name fits everything."""
    pairs = [setting.rpartition("=") for setting in settings]
    fitting = [(name, owner) for name, _, owner in pairs if not name or fits(name)]
    return max(fitting, key=lambda pair: len(pair[0]), default=("", "nobody"))[1]
