"""Test that the provider's link is followed only to allowed hosts, over https, and never into a private network."""

import socket

import pytest

from core.archive.download import Allowed, Connection
from core.errors import VideoForbidden, VideoUnavailable

STRICT = Allowed(("cdn.example.com",), max_bytes=1000)


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.example.com/v.mp4",
        "ftp://cdn.example.com/v.mp4",
        "file:///etc/passwd",
        "https://evil.example.com/v.mp4",
        "https://cdn.example.com.evil.com/v.mp4",
        "https://cdn.example.com@evil.com/v.mp4",
        "https://127.0.0.1/v.mp4",
        "https://169.254.169.254/latest/meta-data",
        "https:///v.mp4",
        "",
        "https://[broken",
        "https://evil.example.com\\@cdn.example.com/v.mp4",  # parsers disagree about which of them is the host
        "https://evil.example.com\\.cdn.example.com/v.mp4",
        pytest.param("https://cdn.example.com\t/v.mp4", id="a tab"),
        "https://evil.example.com#@cdn.example.com/v.mp4",
    ],
)
def test_a_link_to_another_host_is_not_followed(url: str) -> None:
    with pytest.raises(VideoForbidden):
        Connection(STRICT).get(url, {})


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("v15.vendor.invalid", True),
        ("a.b.vendor.invalid", True),
        ("vendor.invalid", False),
        ("evilvendor.invalid", False),
        ("vendor.invalid.evil.invalid", False),
    ],
)
def test_every_host_of_a_vendors_domain_is_allowed(name: str, allowed: bool) -> None:
    """None of these hosts exists, so an allowed one results in another error."""
    with pytest.raises(VideoUnavailable if allowed else VideoForbidden):
        Connection(Allowed(("*.vendor.invalid",), 1000)).get(f"https://{name}/v.mp4", {})


@pytest.mark.parametrize(
    "url", ["https://cdn.example.com:x/v.mp4?Signature=s3cr3t", "https://[broken/v?Signature=s3cr3t"]
)
def test_an_unparsable_link_is_not_in_the_error(url: str) -> None:
    with pytest.raises(VideoForbidden) as refused:
        Connection(STRICT).get(url, {})
    assert "s3cr3t" not in str(refused.value)


def test_an_allowed_name_with_a_private_address_is_not_connected_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        with pytest.raises(VideoForbidden, match="private address"):
            Connection(Allowed(("localhost",), 1000)).get(f"https://localhost:{listener.getsockname()[1]}/v.mp4", {})
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_host_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(VideoUnavailable):
        Connection(Allowed(("cdn.invalid",), 1000)).get("https://cdn.invalid/v.mp4", {})
