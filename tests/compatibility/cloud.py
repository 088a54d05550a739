"""Run a local cloud for the clients."""

from collections.abc import Iterator
from contextlib import contextmanager

from local.processes import find
from local.services import throw_away
from local.settings import Checkout, Settings
from local.up import up
from tests.compatibility.clients import ROOT
from tests.support.local_cloud import LocalCloud


@contextmanager
def own_cloud(state: str) -> Iterator[LocalCloud]:
    """Deploy the stack to a separate local cloud whose state is in that folder, and stop it at the end.

    It has TLS, because agno accepts only https links.
    """
    checkout = Checkout(ROOT, state)
    throw_away(checkout)
    try:
        stack = up(checkout, Settings(wait_scale="0.05", is_strict=True))
        ministack = find(checkout.state, "ministack")
        assert ministack is not None
        yield LocalCloud(stack, ministack.pid)
    finally:
        throw_away(checkout)
