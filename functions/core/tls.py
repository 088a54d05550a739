"""Whom we trust: the certificate authorities of certifi, loaded once, since that takes longer than a call."""

import ssl
from functools import cache

import certifi


@cache
def context() -> ssl.SSLContext:
    """For connections to the provider and to where its videos are; AWS's own client has one of its own."""
    return ssl.create_default_context(cafile=certifi.where())
