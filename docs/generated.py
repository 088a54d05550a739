"""Write a generated document, or check that it is current. Every docs/generate_*.py ends with this."""

import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent


def write(documents: Mapping[Path, str]) -> None:
    """Write each document. With --check, write nothing, and exit with a sentence if one is out of date."""
    for path, text in documents.items():
        if "--check" not in sys.argv:
            path.write_text(text, "utf-8")
        elif not path.exists() or path.read_text("utf-8") != text:
            sys.exit(f"{path.relative_to(ROOT)} is out of date: run make docs.")
