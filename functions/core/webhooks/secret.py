"""Each owner's secret, which webhooks are signed with.

It is nowhere kept: it is made, whenever it is needed, of one secret of the deployment, the owner's name and how often
the owner has changed it. So none can be lost, and none read where records are read.
"""

import base64
import hashlib
import hmac
import json


def secret_of(master: str, owner: str, version: int) -> str:
    """The owner's secret as receivers take it: 32 bytes in base64, after the prefix of Standard Webhooks."""
    of_owner = json.dumps(["webhooks", owner, version])
    made = hmac.new(master.encode(), of_owner.encode(), hashlib.sha256).digest()
    return f"whsec_{base64.b64encode(made).decode()}"
