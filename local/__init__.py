"""Run the real stack on a local AWS, with a simulator of the provider (`python -m local`)."""

import sys
from pathlib import Path

# Import the functions' modules from the directory that Lambda uses, instead of copying them.
sys.path.append(str(Path(__file__).resolve().parent.parent / "functions"))
