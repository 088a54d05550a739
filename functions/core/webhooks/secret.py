"""Derive each owner's secret, which signs the owner's webhooks.

It is not stored, but derived from one secret of the deployment, the owner's name and the number of changes. So it
cannot be lost, and access to the records does not reveal it.
"""

import base64
import hashlib
import hmac
import json


def secret_of(master: str, owner: str, version: int) -> str:
    """Return the owner's secret in the form for receivers: the prefix of Standard Webhooks, and 32 bytes in base64."""
    of_owner = json.dumps(["webhooks", owner, version])
    made = hmac.new(master.encode(), of_owner.encode(), hashlib.sha256).digest()
    return f"whsec_{base64.b64encode(made).decode()}"
