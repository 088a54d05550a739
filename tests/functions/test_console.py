"""The page at `/` as a browser is given it: small, kept as long as it stands, and able to reach nothing else."""

import base64
import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.config import Config

import console
from core import errors
from core.archive.objects import PRESIGNING
from infra.bundle import BundlingFailed
from infra.console import SOURCES, build_site

MOST_BYTES = 100 << 10  # compressed, of all that is loaded before the first video
VIDEOS = "videos.s3.eu-central-1.amazonaws.com"
Answer = dict[str, Any]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("console") / "site"
    build_site(target)
    return target


@pytest.fixture(autouse=True)
def _deployed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(console, "SITE", site)
    monkeypatch.setenv("BUCKET_HOSTS", f"{VIDEOS},prompts.s3.eu-central-1.amazonaws.com")
    caches = (console._headers, console._file)
    for one in caches:
        one.cache_clear()
    yield
    for one in caches:
        one.cache_clear()


def ask(path: str = "/", stage: str = "$default", **headers: str) -> Answer:
    event = {
        "rawPath": path,
        "headers": {"accept-encoding": "gzip, br"} | {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {"stage": stage},
    }
    return console.handler(event, None)


def text_of(answer: Answer) -> str:
    content = base64.b64decode(answer["body"])
    return (gzip.decompress(content) if "Content-Encoding" in answer["headers"] else content).decode()


def named() -> list[str]:
    """The files that the page loads."""
    return re.findall(r'"console/([^"]+)"', text_of(ask()))


def test_the_page_and_what_it_loads_are_small_and_all_there() -> None:
    answers = [ask(), *(ask(f"/console/{name}") for name in named())]
    assert [answer["statusCode"] for answer in answers] == [200] * 4
    assert sum(len(base64.b64decode(answer["body"])) for answer in answers) <= MOST_BYTES
    types = [answer["headers"]["Content-Type"].partition(";")[0] for answer in answers]
    assert types == ["text/html", "image/svg+xml", "text/css", "text/javascript"]
    assert all(answer["headers"]["Content-Encoding"] == "gzip" for answer in answers)


def test_files_are_kept_for_ever_and_the_page_is_asked_for_every_time() -> None:
    assert ask()["headers"]["Cache-Control"] == "no-cache"
    for name in named():
        assert re.search(r"-[A-Z0-9]{8}\.\w+$", name), "named after its content"
        assert "immutable" in ask(f"/console/{name}")["headers"]["Cache-Control"]
    tag = ask()["headers"]["ETag"]
    for asked in (tag, f"W/{tag}", f'"other", {tag}'):
        again = ask(if_none_match=asked)
        assert (again["statusCode"], again["body"]) == (304, "")
    assert ask(if_none_match='"other"')["statusCode"] == 200


def test_who_takes_nothing_compressed_gets_it_as_it_is() -> None:
    plain = ask(accept_encoding="identity")
    assert "Content-Encoding" not in plain["headers"]
    assert text_of(plain) == text_of(ask())


@pytest.mark.parametrize("path", ["/", "/console/app-GONE.js"])
def test_the_page_runs_its_own_files_alone_and_reaches_the_api_and_the_buckets_alone(path: str) -> None:
    headers = ask(path)["headers"]
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
    for name in ("media-src", "img-src", "connect-src"):
        assert set(policy[name].split()) - {"blob:"} == {"'self'", f"https://{VIDEOS}", f"https://prompts.{VIDEOS[7:]}"}
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert {policy[name] for name in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")


def test_nothing_in_the_page_is_inline_or_from_elsewhere() -> None:
    page = text_of(ask())
    assert not re.search(r"\son\w+=|style=|<style|javascript:", page)
    assert all(not body.strip() for body in re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL))
    assert not re.findall(r"(?:src|href)=\"(?!console/)", page), "relative: a local API is not at the root of its host"


@pytest.mark.parametrize(
    "path", ["/console/", "/console/index.html", "/console/../console.py", "/console/..%2fconsole.py", "/console/x.js"]
)
def test_there_is_nothing_else(path: str) -> None:
    answer = ask(path)
    assert answer["statusCode"] == 404
    assert answer["headers"]["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["//", "/dev/", "/dev"])
def test_the_page_is_found_with_more_slashes_and_below_a_stage(path: str) -> None:
    assert ask(path, stage="dev")["statusCode"] == 200


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1"])
def test_links_and_forms_that_the_api_signs_lead_where_the_page_may_go(region: str) -> None:
    config = Config(**PRESIGNING)
    session: Any = botocore.session.get_session()
    s3 = session.create_client("s3", region, config=config, aws_access_key_id="a", aws_secret_access_key="b")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": "videos", "Key": "k"})
    form = s3.generate_presigned_post("videos", "k")["url"]
    # As CloudFormation has them in the attributes RegionalDomainName and DomainName, which the function is given.
    told = {f"videos.s3.{region}.amazonaws.com", "videos.s3.amazonaws.com"}
    assert {urlsplit(url).netloc for url in (link, form)} <= told


def test_every_failure_has_its_name_in_words() -> None:
    found = (SOURCES / "texts.js").read_text("utf-8").partition("  failures: {\n")[2].partition("\n  },")[0]
    named_there = set(re.findall(r"^    (\w+):", found, re.MULTILINE))
    assert named_there >= errors.names().keys() - {"GenerationEnded"}
    assert all(hasattr(errors, name) for name in named_there)


def test_a_console_that_cannot_be_packed_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("infra.console.ESBUILD", tmp_path / "esbuild")
    with pytest.raises(BundlingFailed, match=r"^The tool esbuild, .*\. Run `npm ci` to install it\.$"):
        build_site(tmp_path / "site")
