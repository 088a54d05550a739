"""Test which certificate authorities the connections to the provider, its videos and webhooks trust."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from core import tls


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """Load the authorities again before and after the test."""
    tls.context.cache_clear()
    yield
    tls.context.cache_clear()


def test_the_authorities_of_certifi_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (None, ""):
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        if value is not None:
            monkeypatch.setenv("SSL_CERT_FILE", value)
        tls.context.cache_clear()
        assert len(tls.context().get_ca_certs()) > 50


def test_the_file_of_ssl_cert_file_takes_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the functions of a strict local AWS reach its API and its S3 over TLS."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert len(tls.context().get_ca_certs()) == 1
