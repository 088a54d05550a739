"""Test that docs/deploy.md names what a deployment without jobs costs, as the template and the list prices say."""

import json
import re
from pathlib import Path

import pytest

from tests.support.templates import STAGES, resources

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deploy.md").read_text("utf-8")
USD = json.loads((ROOT / "bench" / "prices.json").read_text("utf-8"))["usd"]
POLLERS, RECEIVE_SECONDS, MONTH_SECONDS = 5, 20, 730 * 3600  # Lambda's for each queue, and a month
SWEEP = 0.33  # measured by make bench: docs/performance.md


def page() -> dict[str, float]:
    """Return the parts of its table, in USD a month."""
    text = PAGE.partition("| part | USD a month |")[2].partition("\n\n")[0]
    return {part: float(usd) for part, usd in re.findall(r"^\| (.+?) \| ([\d.]+) \|$", text, re.M)}


@pytest.mark.parametrize("name", STAGES)
def test_the_page_names_what_costs_money_without_jobs(name: str) -> None:
    def count(kind: str) -> int:
        return len(resources(name, kind))

    alarms, secrets = count("AWS::CloudWatch::Alarm"), count("AWS::SecretsManager::Secret")
    queues = count("AWS::Lambda::EventSourceMapping")
    receives = queues * POLLERS * MONTH_SECONDS / RECEIVE_SECONDS
    expected = {
        f"{alarms} alarms": alarms * USD["CloudWatch alarm, a month"],
        f"{secrets} secrets": secrets * USD["Secrets Manager secret, a month"],
        "the key that encrypts alarm messages": count("AWS::KMS::Key") * USD["KMS key, a month"],
        "empty receives from two queues": receives * USD["SQS request"],
        "the sweep, every minute, with its traces": SWEEP,
    }
    on_page = page()
    assert on_page.keys() == expected.keys(), "change the table in docs/deploy.md"
    assert on_page == pytest.approx(expected, abs=0.005), "change the table in docs/deploy.md"
    total = re.search(r"without jobs costs ([\d.]+) USD a month", PAGE)
    assert total
    assert float(total[1]) == pytest.approx(sum(expected.values()), abs=0.01), "change the sum above the table"
    assert f"charges {total[1]} USD a month without jobs" in (ROOT / "README.md").read_text("utf-8"), "change README.md"
    parts = sum(usd for part, usd in expected.items() if re.search("alarms|secrets|key", part))
    hourly = f"monthly prices of {alarms} alarms, three secrets and one key ({parts:.2f} USD a month)"
    assert hourly in (ROOT / "docs" / "sandbox.md").read_text("utf-8"), f"docs/sandbox.md: {hourly}"
