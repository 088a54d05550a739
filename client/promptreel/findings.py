"""The checks of `doctor` that need no AWS credentials."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import requests

from promptreel._http import address
from promptreel.client import Client
from promptreel.configuration import Configuration
from promptreel.errors import ConfigurationError, PromptreelError, Unauthorized

HEALTH_SECONDS = 15


class Verdict(StrEnum):
    """The result of a check. Only a problem means that something is broken."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """The result of one check and what to do about it."""

    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def configured(configuration: Configuration) -> Iterator[Finding]:
    """Check the configuration, the API's health and the key."""
    if configuration.warning:
        yield Finding("configuration", Verdict.WARNING, configuration.warning)
    try:
        url = configuration.required_url()
        yield _health(url)
        yield _key(url, configuration.required_api_key())
    except ConfigurationError as error:
        yield Finding("configuration", Verdict.PROBLEM, str(error))


def _health(url: str) -> Finding:
    try:
        answer = requests.get(f"{address(url)}/health", timeout=HEALTH_SECONDS)
    except requests.RequestException:
        return Finding("API", Verdict.PROBLEM, f"{url} cannot be reached", "check the URL and your connection")
    if answer.ok:
        return Finding("API", Verdict.OK, url)
    return Finding(
        "API", Verdict.PROBLEM, f"{url} returned HTTP {answer.status_code}", "see its log: promptreel logs api"
    )


def _key(url: str, api_key: str) -> Finding:
    try:
        with Client(url, api_key) as client:
            count = len(client.models())
    except Unauthorized:
        return Finding(
            "your API key", Verdict.PROBLEM, "not valid", "ask an operator for a new one (promptreel keys create)"
        )
    except PromptreelError as error:
        return Finding("your API key", Verdict.PROBLEM, f"could not be checked: {error}")
    return Finding("your API key", Verdict.OK, f"valid; {count} models available")
