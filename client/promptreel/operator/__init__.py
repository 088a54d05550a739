"""The work of who runs a deployment, with AWS credentials. Needs the extra `operator`.

API keys and rescues are the functions' own code, `core`, and not a copy of it: in a checkout it lies in functions/, in
the wheel beside this file. It is put at the end of the path here, and only here, because `core` is too common a name
to install for everyone.
"""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_IN_WHEEL, _IN_CHECKOUT = _HERE / "_functions", _HERE.parents[2] / "functions"

sys.path.append(str(_IN_WHEEL if _IN_WHEEL.exists() else _IN_CHECKOUT))
