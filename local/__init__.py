"""The local cloud: the real stack on a local AWS, beside a simulator of the provider (`python -m local`)."""

import sys
from pathlib import Path

# The domain is imported from where Lambda finds it, so that nothing of it is copied here.
sys.path.append(str(Path(__file__).resolve().parent.parent / "functions"))
