"""Tasks of operators, with AWS credentials. They need the extra `operator`.

API keys and rescues use the package `core` of the Lambda functions. It is in functions/ in a checkout, and next to this
file in a wheel. It is added to the end of the path only here, because `core` is too common a name to install globally.
"""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_IN_WHEEL, _IN_CHECKOUT = _HERE / "_functions", _HERE.parents[2] / "functions"

sys.path.append(str(_IN_WHEEL if _IN_WHEEL.exists() else _IN_CHECKOUT))
