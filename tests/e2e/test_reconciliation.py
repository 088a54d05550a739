"""Reconcile a day's charges on the deployed stack, once without and once with every kind of error."""

import csv
import io
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from infra.config import stage_named
from tests.support.local_cloud import LocalCloud, eventually, unique

STACK_FILE = Path(__file__).parents[2] / ".local" / "tests" / "stack.json"
COST = 5_000_000  # for a video of five seconds at the simulator's price


def reconciled(cloud: LocalCloud, folder: Path, day: str, *options: str) -> tuple[str, int]:
    """Return the command's output and exit code. Charges of other tests may also fail to add up."""
    ended = subprocess.run(
        [sys.executable, "-m", "promptreel", "reconcile", "--day", day, *options],
        env=cloud.environment(HOME=str(folder), PROMPTREEL_LOCAL=str(STACK_FILE)),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode in (0, 1), ended.stderr
    assert ended.stdout, ended.stderr
    return ended.stdout, ended.returncode


def lines(cloud: LocalCloud, uri: str) -> dict[str, dict[str, str]]:
    """Return the lines of a report by generation, or by the provider's id if no generation matches."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body = cloud.aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    return {row["generation_id"] or row["provider_id"]: row for row in csv.DictReader(io.StringIO(body))}


def sent(cloud: LocalCloud, prompt: str) -> str:
    """Return the id of a generation that the provider has accepted."""
    generation_id = cloud.create(prompt)
    eventually(lambda: cloud.ledger.get(generation_id).provider_id)
    return generation_id


def test_an_operator_reconciles_a_day(cloud: LocalCloud, tmp_path: Path) -> None:
    prompts = {fault: unique(fault) for fault in ("none", "not charged", "charged twice", "other amount", "deleted")}
    for prompt in prompts.values():
        cloud.simulator.script(prompt, seconds=0)
    ids = {fault: cloud.create(prompt) for fault, prompt in prompts.items()}
    done = [cloud.ended(generation_id) for generation_id in ids.values()]
    assert {generation.credits_used for generation in done} == {COST}
    day = min(f"{generation.generated_at:%Y-%m-%d}" for generation in done)
    assert cloud.call("DELETE", params={"generation_id": ids["deleted"]}).ok
    sums = json.loads(reconciled(cloud, tmp_path, day, "--json")[0])
    assert not lines(cloud, sums["report"]).keys() & set(ids.values()), "they were charged as they should be"
    assert sums["counts"]["adds_up"]["count"] >= len(ids)

    faults: dict[str, list[Any]] = {
        "not charged": [],
        "charged twice": [{}, {}],
        "other amount": [{"times": 2}],
        "deleted": [{"times": 0.5}],
    }
    for fault, charges in faults.items():
        cloud.simulator.script(prompts[fault], seconds=0, charges=charges)
    stranger = cloud.simulator.charge_others(7)
    cancelled = unique("cancelled")
    cloud.simulator.script(cancelled, seconds=2)
    ids["cancelled"] = sent(cloud, cancelled)
    assert cloud.call("DELETE", params={"generation_id": ids["cancelled"]}).ok
    time.sleep(stage_named("local", provider_url="http://127.0.0.1").charge_late_seconds)
    said, code = reconciled(cloud, tmp_path, day)
    assert code == 1
    assert f"{day} (UTC), so far: some charges do not match." in said
    report = lines(cloud, said.split()[-1])
    found = {
        fault: (report[one]["kind"], report[one]["charged_credits"]) for fault, one in ids.items() if one in report
    }
    assert found == {
        "not charged": ("not_charged", "0"),
        "charged twice": ("charged_twice", str(2 * COST)),
        "other amount": ("other_amount", str(2 * COST)),
        "deleted": ("other_amount", str(COST // 2)),
        "cancelled": ("unknown_amount", str(COST)),
    }
    assert report[stranger]["kind"] == "not_ours"
    for kind in ("not ours", "not charged", "charged twice", "other amount"):
        assert f"\n{kind} " in said
