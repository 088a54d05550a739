"""Test every table at several widths of the terminal: numbers, ids and times are never cut, and every line fits."""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import promptreel.commands
from core.money import budgets, usage
from promptreel.operator import budgets as operator
from promptreel.operator import deployment
from promptreel.operator import keys as operator_keys
from promptreel.operator.deployment import Deployment
from promptreel.operator.keys import ApiKey, ApiKeys
from tests.support.api_answers import ID, generation
from tests.support.wire import http

Run = Callable[..., tuple[int, str, str]]
BATCH, PROMPT = "b4" * 16, "A paper boat drifts down a rainy street past the lights of 短い cafés " * 3
MODEL, MESSAGE = "bytedance/seedance-1-0-lite-image-to-video", f"msg_{ID}"
LINK = f"https://api.example/v/{'T' * 52}/{ID}.mp4"
WIDTHS = [40, 80, 160]


@dataclass(frozen=True)
class Shown:
    """A command with the answers of the API, and the texts that its table must show at every width."""

    arguments: tuple[str, ...]
    answers: tuple[dict[str, Any], ...]
    whole: tuple[str, ...]


def listed(*data: dict[str, Any]) -> dict[str, Any]:
    return {"data": list(data), "next_cursor": None}


def batch(**fields: Any) -> dict[str, Any]:
    told = {"id": BATCH, "name": "spring campaign.csv", "status": "completed", "revision": 12, "rows": 100_000}
    return {**told, "created_at": "2026-01-02T03:04:05.678Z", **fields}


def summed(**fields: Any) -> dict[str, Any]:
    return {"completed": 12_345, "failed": 678, "usd": 40_617.25, **fields}


REASON = "ProviderKeyRejected: The provider rejected the key. " * 4
FAILED = {"name": "ProviderKeyRejected", "message": REASON}
DELIVERY = {
    "id": MESSAGE,
    "generation_id": ID,
    "type": "generation.completed",
    "url": "https://example.com/hook?token=" + "s" * 90,
    "status": "delivered",
    "attempts": 17,
    "created_at": "2026-01-02T03:04:05.678Z",
    "problem": "The receiver answered with the status 503. " * 3,
}
SCHEMA = {
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string", "maxLength": 4096, "description": "What the video shows. " * 9},
        "duration": {"enum": list(range(4, 21)), "default": 8, "description": "Its length in seconds."},
    },
}
NO_BUDGETS = listed()
TABLES = {
    "listing.list_": Shown(
        ("list",),
        (listed(generation("error", prompt=PROMPT, error=FAILED), generation(prompt="x", stage="generating")),),
        (ID[:8], "error", "generating", "2026-01-01 12:00", "A paper boat", "! ProviderKeyRejected"),
    ),
    "batch.list_": Shown(
        ("batch", "list"),
        (listed(batch(), batch(status="cancelling", rows=None, name=PROMPT)),),
        (BATCH[:8], "completed", "cancelling", "100000", "12", "2026-01-02 03:04", "spring campaign"),
    ),
    "batch.report": Shown(
        ("batch", "report", BATCH),
        (
            listed(
                {"row": 99_999, "status": "error", "generation_id": ID, "name": "boat", "prompt": PROMPT},
                {"row": 100_000, "status": "not_started", "prompt": "x", "error": REASON},
            ),
        ),
        ("99999", "100000", ID[:8], "not_started", "boat", "A paper boat", "! ProviderKeyRejected"),
    ),
    "models.models": Shown(
        ("models",),
        (
            listed(
                {
                    "id": MODEL,
                    "title": "Seedance 1.0 Lite, image to video",
                    "vendor": "bytedance",
                    "kind": "image-to-video",
                    "takes": {"median_seconds": 61, "slowest_tenth_seconds": 123, "jobs": 9},
                }
            ),
        ),
        (MODEL, "image-to-video", "61 s, one in ten 123 s or more"),
    ),
    "models._show": Shown(
        ("models", "m"),
        (listed({"id": "m", "title": "M"}), {"id": "m", "title": "M", "schema": SCHEMA}),
        ("prompt", "4096", "required", "What the video shows.", "4, 5, 6,", "18, 19, 20", "8"),
    ),
    "webhooks.list_": Shown(
        ("webhooks", "list"), (listed(DELIVERY),), (MESSAGE, "delivered", "17", "2026-01-02 03:04", "! The receiver")
    ),
    "links._say_links": Shown(
        ("link", ID, "--list"),
        (
            listed(
                {
                    "number": 12,
                    "url": LINK,
                    "page_url": LINK,
                    "automatic": True,
                    "created_at": "2026-01-02T03:04:05.678Z",
                    "expires_at": "2026-02-03T04:05:06.789Z",
                    "opens_today": 345,
                }
            ),
        ),
        ("12", "automatic", "2026-02-03 04:05", "345", LINK),
    ),
    "usage._say": Shown(
        ("usage", "--by", "batch"),
        ({"by": "batch", "data": [summed(batch=BATCH)], "total": summed()}, NO_BUDGETS, listed(batch(name=PROMPT))),
        (BATCH[:8], "A paper", "12345", "678", "40617.25"),
    ),
    "usage._say by day": Shown(
        ("usage",),
        ({"by": "day", "data": [summed(day="2026-01-02")], "total": summed()}, NO_BUDGETS),
        ("2026-01-02", "12345", "678", "40617.25"),
    ),
    "usage._say by owner": Shown(("usage", "--by", "owner"), (), ("a-rather-lon", "12345", "678", "40617.25")),
    "budgets._say": Shown(
        ("budgets", "list"), (), ("this deployment", "day", "month", "25000.00 USD", "2026-01-01 00:00", "hour", "700")
    ),
    "keys.list_": Shown(
        ("keys", "list"), (), ("4cc949ae", "a-rather-lon", "create", "2026-01-02 03:04", "2026-01-03 04:00", "never")
    ),
}


@pytest.fixture(autouse=True)
def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Provide a deployment whose keys, budgets and sums are long."""
    owner = "a-rather-long-name-of-an-owner"
    limits = budgets.Limits(50_000_000_000, 900_000_000_000, 700)
    key = ApiKey("4cc949ae", owner, "2026-01-02T03:04:05.678Z", "continuous integration", "create", None, "", True)
    found = [
        budgets.Budget("all", limits, budgets.Used("2025-12-31", "2025-12", "2025-12-31T10", 123_456_789)),
        budgets.Budget(f"owner/{owner}", limits, budgets.Used("2025-12-31", "2025-12", "2025-12-31T10")),
    ]
    sums = [usage.Sum("2026-01-02", owner, 12_345, 678, round(40_617.25 * 2_000_000))]
    monkeypatch.setattr(
        deployment, "find", lambda _: Deployment("promptreel-dev", "", "", {"ApiKeysSecretArn": ""}, None)
    )
    monkeypatch.setattr(Deployment, "client", lambda *_, **__: None)
    monkeypatch.setattr(ApiKeys, "list", lambda _: [key])
    monkeypatch.setattr(operator_keys, "uses_of", lambda _: {"4cc949ae": "2026-01-03T04:00:00.000Z"})
    monkeypatch.setattr(operator, "every", lambda _: found)
    monkeypatch.setattr(operator, "usage_by_owner", lambda *_: sums)


def columns_of(line: str) -> int:
    return sum(2 if character in "短い" else 1 for character in line)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("table", TABLES)
def test_a_table_fits_and_cuts_no_number_id_or_time(
    ask: Run, terminal: Callable[[int], None], table: str, width: int
) -> None:
    terminal(width)
    shown = TABLES[table]
    code, out, err = ask(*shown.arguments, answers=[http(200, answer) for answer in shown.answers] or [b""])
    assert code == 0, err
    lines = out.splitlines()
    words = " ".join(out.split())
    missing = [text for text in shown.whole if not re.search(rf"(?<!\w){re.escape(text)}", words)]
    assert not missing, out
    wider = [line for line in lines if columns_of(line) > width and not re.fullmatch(r"\s*\S+\s*", line)]
    assert not wider, out


def test_every_table_is_tested() -> None:
    assert set(callers("say_table")) == {name.split()[0] for name in TABLES}


def callers(name: str) -> list[str]:
    """Return the functions of commands that call a function, as `module.function`."""
    [folder] = promptreel.commands.__path__
    return [
        f"{path.stem}.{function.name}"
        for path in Path(folder).glob("*.py")
        for function in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(function, ast.FunctionDef)
        and any(isinstance(node, ast.Call) and ast.unparse(node.func) == name for node in ast.walk(function))
    ]


def test_a_bar_takes_only_the_space_that_is_left(ask: Run, terminal: Callable[[int], None]) -> None:
    days = [summed(day="2026-01-01", usd=5.0), summed(day="2026-01-02", usd=10.0)]
    answers = [http(200, {"by": "day", "data": days, "total": None}), http(200, NO_BUDGETS)]
    bars = []
    for width in (40, 50, 160):
        terminal(width)
        bars.append([line.count("█") for line in ask("usage", answers=answers)[1].splitlines()[1:]])
    assert bars == [[0, 0], [7, 15], [15, 30]]


def test_the_most_expensive_batch_is_first(ask: Run) -> None:
    sums = [summed(batch="a" * 32, usd=5.0), summed(batch="b" * 32, usd=10.0)]
    answers = [http(200, {"by": "batch", "data": sums, "total": None}), http(200, NO_BUDGETS)]
    _, out, _ = ask("usage", "--by", "batch", answers=answers)
    assert [line.split("\t")[0] for line in out.splitlines()] == ["b" * 32, "a" * 32]
