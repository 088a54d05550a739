"""Trust the certificate authorities of certifi, or those in the file that SSL_CERT_FILE names, as OpenSSL does.

They are loaded once, because loading takes longer than a call.
"""

import os
import ssl
from functools import cache

import certifi


@cache
def context() -> ssl.SSLContext:
    """Return the context for connections to the provider, to its videos and to webhooks. boto3 has its own."""
    made = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or certifi.where())
    made.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN  # the default since Python 3.13
    return made
