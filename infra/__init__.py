"""The AWS stack: one construct a capability, and the settings of the stages."""

import sys
from pathlib import Path

# The names of the tables are the functions' own, and no copy of them.
sys.path.append(str(Path(__file__).resolve().parent.parent / "functions"))
