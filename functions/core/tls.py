"""Trust the certificate authorities of certifi. They are loaded once, because loading takes longer than a call."""

import ssl
from functools import cache

import certifi


@cache
def context() -> ssl.SSLContext:
    """Return the context for connections to the provider, to its videos and to webhooks. boto3 has its own."""
    made = ssl.create_default_context(cafile=certifi.where())
    made.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN  # the default since Python 3.13
    return made
