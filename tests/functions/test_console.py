"""Test the page at `/` as a browser gets it: small, cached until it changes, and limited to its API and buckets."""

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
from infra.console import SOURCES, build_site, with_documentation

MOST_BYTES = 60_000  # compressed, for everything loaded before the first video
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
    """Return the files that the page loads."""
    return re.findall(r'"console/([^"]+)"', text_of(ask()))


def test_the_page_and_what_it_loads_are_small_and_all_there() -> None:
    answers = [ask(), *(ask(f"/console/{name}") for name in named())]
    assert {answer["statusCode"] for answer in answers} == {200}
    assert len(answers) == 6, "each may be a cold start"
    assert sum(len(base64.b64decode(answer["body"])) for answer in answers) <= MOST_BYTES
    types = {answer["headers"]["Content-Type"].partition(";")[0] for answer in answers}
    assert types == {"text/html", "image/svg+xml", "text/css", "text/javascript"}
    assert all(answer["headers"]["Content-Encoding"] == "gzip" for answer in answers)


def test_files_are_cached_forever_and_the_page_is_revalidated() -> None:
    assert ask()["headers"]["Cache-Control"] == "no-cache"
    for name in named():
        assert re.search(r"-[A-Z0-9]{8}\.\w+$", name), "named after its content"
        assert "immutable" in ask(f"/console/{name}")["headers"]["Cache-Control"]
    tag = ask()["headers"]["ETag"]
    for asked in (tag, f"W/{tag}", f'"other", {tag}'):
        again = ask(if_none_match=asked)
        assert (again["statusCode"], again["body"]) == (304, "")
    assert ask(if_none_match='"other"')["statusCode"] == 200


def test_a_client_without_compression_gets_plain_files() -> None:
    plain = ask(accept_encoding="identity")
    assert "Content-Encoding" not in plain["headers"]
    assert text_of(plain) == text_of(ask())


@pytest.mark.parametrize("path", ["/", "/console/app-GONE.js"])
def test_the_page_runs_only_its_files_and_reaches_only_the_api_and_the_buckets(path: str) -> None:
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
def test_other_paths_are_404(path: str) -> None:
    answer = ask(path)
    assert answer["statusCode"] == 404
    assert answer["headers"]["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["//", "/dev/", "/dev"])
def test_the_page_is_found_with_extra_slashes_and_below_a_stage(path: str) -> None:
    assert ask(path, stage="dev")["statusCode"] == 200


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1"])
def test_signed_links_and_forms_are_allowed_by_the_pages_policy(region: str) -> None:
    config = Config(**PRESIGNING)
    session: Any = botocore.session.get_session()
    s3 = session.create_client("s3", region, config=config, aws_access_key_id="a", aws_secret_access_key="b")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": "videos", "Key": "k"})
    form = s3.generate_presigned_post("videos", "k")["url"]
    # CloudFormation's attributes RegionalDomainName and DomainName, which the function gets.
    told = {f"videos.s3.{region}.amazonaws.com", "videos.s3.amazonaws.com"}
    assert {urlsplit(url).netloc for url in (link, form)} <= told


def test_every_error_has_a_title() -> None:
    found = (SOURCES / "texts.js").read_text("utf-8").partition("  failures: {\n")[2].partition("\n  },")[0]
    named_there = set(re.findall(r"^    (\w+):", found, re.MULTILINE))
    untitled = errors.names().keys() - {"GenerationEnded"} - named_there
    assert untitled == set(), "describe it in a few words under failures in console/texts.js"
    assert all(hasattr(errors, name) for name in named_there)


def test_a_console_that_cannot_be_bundled_is_reported_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("infra.console.ESBUILD", tmp_path / "esbuild")
    with pytest.raises(BundlingFailed, match=r"^The tool esbuild, .*\. Run `npm ci` to install it\.$"):
        build_site(tmp_path / "site")


def test_the_stylesheet_has_a_small_scale_and_uses_only_that() -> None:
    """`docs/generate_design.py` writes the page that shows it, and `make check` compares them."""
    styles = (SOURCES / "console.css").read_text("utf-8")
    light = styles.partition("\n}\n")[0]
    scale = re.findall(r"--(text|space|round)-\d:", light)
    assert {name: scale.count(name) for name in scale} == {"text": 5, "space": 6, "round": 2}
    outside = set(re.findall(r"(?:font-size|border-radius): ([^;]+);", styles.replace(light, "")))
    assert {one for one in outside if re.match(r"[\d.]+(px|rem)", one)} <= {"20px", "99px", "2px"}, "only tokens"


def test_texts_and_edges_can_be_seen_in_both_themes() -> None:
    styles = (SOURCES / "console.css").read_text("utf-8")
    light, dark = styles.partition("\n}\n")[0], styles.partition('[data-theme="dark"] {')[2].partition("}")[0]
    found = []
    for theme in (light, dark):
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", theme))
        texts = [(text, on) for text in ("ink", "quiet", "accent", "bad", "good", "busy") for on in ("ground", "panel")]
        pairs = {**dict.fromkeys([*texts, ("on-accent", "accent"), ("bad", "bad-tint")], 4.5), ("edge", "ground"): 3}
        found += [(one, on) for (one, on), least in pairs.items() if contrast(colours[one], colours[on]) < least]
    assert found == []


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, as WCAG 2 defines it."""
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_page_names_the_documentation_of_the_project() -> None:
    page = (SOURCES / "index.html").read_text("utf-8")
    project = '[project]\nname = "promptreel"\n[project.urls]\nDocumentation = "https://docs.example/?a&b"\n'
    assert '<meta name="documentation" content="https://docs.example/?a&amp;b">' in with_documentation(page, project)
    assert with_documentation(page, '[project]\nname = "promptreel"\n') == page
