"""Define the AWS stack, with one construct per capability, and the settings of each stage."""

import sys
from pathlib import Path

# infra imports the names of tables and attributes from the functions, so there is only one definition.
sys.path.append(str(Path(__file__).resolve().parent.parent / "functions"))
