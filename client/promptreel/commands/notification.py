"""Notify the person at this computer, with what the computer has. Nothing happens if it has nothing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping

from promptreel.commands.output import plain

MOST = 200  # characters
SECONDS = 5.0  # for a program to show a notification
# `display notification` gets the text as an argument, so AppleScript never reads it as code.
_SCRIPT = ("on run argv", 'display notification (item 1 of argv) with title "Promptreel"', "end run")


def notify(text: str) -> None:
    """Ring the terminal's bell, and show a notification with a program of the desktop or by the terminal.

    The text may contain names from strangers. Terminals and programs get it without control characters, and no shell
    reads it. It begins with a word of ours, so that no program takes it for an option.
    """
    safe = plain(f"Promptreel: {text}")[:MOST]
    shows = _show(program(safe, os.environ))
    if sys.stderr.isatty():
        sys.stderr.write(("" if shows else escape(safe, os.environ)) + "\a")
        sys.stderr.flush()


def program(text: str, environ: Mapping[str, str], which: Callable[[str], str | None] = shutil.which) -> list[str]:
    """Return the command that shows a notification on this computer's screen, or an empty list.

    Over SSH that would be a screen far away, so the terminal shows it instead.
    """
    if "SSH_CONNECTION" in environ:
        return []
    if sys.platform == "darwin" and (found := which("osascript")):
        return [found, *(part for line in _SCRIPT for part in ("-e", line)), text]
    if (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")) and (found := which("notify-send")):
        # As the summary: notify-send decodes escapes in a body, and desktops read markup there.
        return [found, "--app-name=Promptreel", "--", text]
    return []


def escape(text: str, environ: Mapping[str, str]) -> str:
    """Return the terminal's escape sequence for a notification. Terminals without one ignore it."""
    term = environ.get("TERM", "")
    if term in ("dumb", "linux"):
        return ""
    if "VTE_VERSION" in environ or term.startswith(("rxvt", "foot")):
        return f"\x1b]777;notify;Promptreel;{text.replace(';', ',')}\a"
    return f"\x1b]9;{text}\a"


def _show(command: list[str]) -> bool:
    """Return whether the command was run successfully."""
    if not command:
        return False
    none = subprocess.DEVNULL
    try:
        done = subprocess.run(command, stdin=none, stdout=none, stderr=none, timeout=SECONDS, check=False)  # noqa: S603 - no shell, and the text is one argument
    except (OSError, subprocess.SubprocessError, ValueError):
        return False
    return done.returncode == 0
