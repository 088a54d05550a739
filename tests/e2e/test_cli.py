"""Use the command line and the Python client with the deployed stack."""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from tests.support.local_cloud import LocalCloud, Run, eventually, unique

ROOT = Path(__file__).parents[2]


def test_a_prompt_becomes_a_file_and_stays_in_the_list(cloud: LocalCloud, run: Run, tmp_path: Path) -> None:
    prompt = unique("a paper boat")
    cloud.simulator.script(prompt, seconds=1)
    made = run("create", prompt, "--wait", "-o", "boat.mp4", "--aspect-ratio", "9:16")
    assert made.stdout == "boat.mp4\n"
    assert "completed" in made.stderr
    assert (tmp_path / "boat.mp4").read_bytes()[4:8] == b"ftyp"
    generation_id = made.stderr.split()[1]
    listed = [line.split("\t") for line in run("list", "--status", "completed", "--text", prompt).stdout.splitlines()]
    assert [generation_id, "completed", "veo2", prompt] in [[*row[:3], row[4]] for row in listed]
    got = json.loads(run("get", generation_id, "--json").stdout)
    assert got["meta"]["request"] == {"model": "veo2", "prompt": prompt, "aspect_ratio": "9:16"}
    run("download", generation_id)
    [saved] = tmp_path.glob(f"a-paper-boat-*-{generation_id[:8]}.mp4")
    assert saved.read_bytes() == (tmp_path / "boat.mp4").read_bytes()


def test_several_videos_of_a_prompt_are_generated_listed_and_saved(cloud: LocalCloud, run: Run, tmp_path: Path) -> None:
    prompt = unique("a paper boat")
    cloud.simulator.script(prompt, seconds=0)
    for _ in range(2):  # repeat the command: nothing is submitted twice
        made = run(
            "create", "-", "--seeds", "1-3", "-o", "boat.mp4", "--force", "--idempotency-key", prompt[-8:], stdin=prompt
        )
        assert made.stdout.split() == ["boat-1.mp4", "boat-2.mp4", "boat-3.mp4"]
    assert cloud.creates(prompt) == 3
    assert all((tmp_path / f"boat-{seed}.mp4").read_bytes()[4:8] == b"ftyp" for seed in (1, 2, 3))
    listed = [line.split("\t") for line in run("list", "--text", prompt.upper(), "--since", "1h").stdout.splitlines()]
    assert len(listed) == 3
    assert run("list", "--text", prompt, "--until", "2020-01-01").stdout == ""
    whole = listed[0][0]
    assert json.loads(run("get", whole[:12], "--json").stdout)["id"] == whole
    assert run("open", whole[:12]).stdout.startswith("http")
    run("delete", whole[:12], "--yes")
    assert "There is no generation" in run("get", whole[:12], code=1).stderr


def test_a_cancelled_generation_is_an_error_and_can_be_deleted(cloud: LocalCloud, run: Run) -> None:
    prompt = unique("a paper boat")
    cloud.simulator.script(prompt, outcome="never")
    generation_id = run("create", prompt).stdout.strip()
    run("delete", generation_id, "--yes", code=1)
    assert generation_id in run("cancel", generation_id).stdout
    assert "Cancelled" in run("get", generation_id, "--wait", code=1).stderr
    cloud.ended(generation_id)
    run("delete", generation_id, "--yes")
    run("delete", generation_id, "--yes")
    run("get", generation_id, code=1)


def test_the_models_are_those_of_the_api(run: Run) -> None:
    start = "veo2\tVeo 2, text to video\tgoogle\ttext-to-video\t"
    assert any(line.startswith(start) for line in run("models").stdout.splitlines())
    shown = run("models", "veo2").stdout.splitlines()
    assert "duration\t5, 6, 7, 8\t5\tThe length of the output video in seconds." in shown


def test_a_key_works_from_its_creation_until_it_is_revoked(cloud: LocalCloud, run: Run) -> None:
    made = json.loads(run("keys", "create", "ann", "--json").stdout)
    assert made["key_id"] in run("keys", "list").stdout
    assert made["api_key"] not in run("keys", "list", "--json").stdout
    run("keys", "revoke", made["key_id"])
    assert made["key_id"] not in run("keys", "list").stdout
    assert "demo" in run("keys", "list").stdout
    assert cloud.call("GET", "/v2/models").status_code == 200


def test_keys_created_at_the_same_time_are_all_kept(run: Run) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda owner: run("keys", "create", owner, "--json").stdout, ["a", "b", "c", "d"]))
    kept = run("keys", "list").stdout
    for key in map(json.loads, made):
        assert key["key_id"] in kept
        run("keys", "revoke", key["key_id"])


@pytest.mark.alone
def test_the_providers_key_is_read_from_stdin_and_not_shown(cloud: LocalCloud, run: Run) -> None:
    secrets, arn = cloud.aws("secretsmanager"), cloud.stack.provider_key_secret_arn
    before = secrets.get_secret_value(SecretId=arn)["SecretString"]
    run("secret", "set", stdin="\n", code=1)
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == before
    assert "the provider rejects this key" in run("secret", "set", stdin="another-key\n", code=1).stderr
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == before
    try:
        ended = run("secret", "set", "--force", stdin="another-key\n")
        assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "another-key"
        assert "another-key" not in ended.stdout + ended.stderr
    finally:
        run("secret", "set", stdin=before)


def test_a_rescued_generation_continues_with_the_providers_job(cloud: LocalCloud, run: Run) -> None:
    prompt = unique("a paper boat")
    cloud.simulator.script(prompt, seconds=0, video=[{"redirect": "https://forbidden.invalid/"}])
    generation_id = run("create", prompt).stdout.strip()
    assert cloud.ended(generation_id).error
    cloud.simulator.script(prompt, seconds=0)
    ended = run("rescue", "0" * 32, generation_id, "f" * 32, code=1)
    assert f"Generation {generation_id} continues" in ended.stdout, "an unknown id does not prevent the others"
    assert ended.stderr.count("There is no generation") == 2
    run("get", generation_id, "--wait")
    assert cloud.creates(prompt) == 1
    assert "needs no rescue" in run("rescue", generation_id, code=1).stderr


def test_a_job_that_was_sent_elsewhere_is_imported(cloud: LocalCloud, run: Run) -> None:
    prompt = unique("a paper boat")
    cloud.simulator.script(prompt, seconds=0)
    arn = cloud.stack.provider_key_secret_arn
    key = cloud.aws("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    answer = requests.post(
        f"{cloud.simulator.url}/v2/video/generations",
        json={"model": "veo2", "prompt": prompt},
        headers={"Authorization": f"Bearer {key}"},
        timeout=30,
    )
    provider_id = answer.json()["id"]
    ended = run("import", "unknown-id", provider_id, "--model", "veo2", "--json", code=1)
    assert "does not show the job unknown-id" in ended.stderr
    generation_id = json.loads(ended.stdout)["id"]
    assert cloud.ended(generation_id).video
    assert cloud.creates(prompt) == 1
    assert json.loads(run("import", provider_id, "--json").stdout)["status"] == "completed"


def test_a_healthy_stack_satisfies_the_doctor(run: Run) -> None:
    found = json.loads(run("doctor", "--json").stdout)
    assert {finding["name"]: finding["verdict"] for finding in found} == {
        "API": "ok",
        "your API key": "ok",
        "stack": "ok",
        "concurrency": "ok",
        "permissions": "ok",
        "provider's key": "ok",
        "API keys": "ok",
        "alarms": "warning",
    }


def test_a_stage_that_is_not_deployed_is_reported(cloud: LocalCloud) -> None:
    environment = {"AWS_ENDPOINT_URL": cloud.stack.aws_endpoint_url, "AWS_REGION": cloud.stack.region}
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    ended = subprocess.run(
        [sys.executable, "-m", "promptreel", "--stage", "prod", "keys", "list"],
        env=cloud.environment(**environment, **credentials),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(
        "Stack promptreel-prod does not exist in us-east-1: deploy it (make deploy STAGE=prod)"
    )


def test_a_batch_is_checked_run_watched_and_downloaded(run: Run, cloud: LocalCloud, tmp_path: Path) -> None:
    prompts = [unique("a kite, high"), unique("a kite")]
    for prompt in prompts:
        cloud.simulator.script(prompt, seconds=0)
    file = tmp_path / "prompts.csv"
    file.write_text(f'prompt,duration\n"{prompts[0]}",5\n{prompts[1]},\nx,99\n')
    checked = run("batch", str(file), "--dry-run", code=1)
    assert checked.stdout.startswith(f"{file}: 3 rows, 1 with a problem.\nNew: 2 rows.\nEstimated cost: ")
    assert f"{file}:4: row 3: `duration` must be one of 5, 6, 7, 8, not 99." in checked.stderr
    name = ["--name", f"{uuid4().hex}.csv"]
    ran = run("batch", str(file), *name, "--force", "--wait", "--videos", "-o", "out", code=1)
    assert re.fullmatch(r"2 of 3 rows completed(, [0-9.]+ USD in total)?\.\n", ran.stdout)
    saved = sorted((tmp_path / "out").glob("*.mp4"))
    assert [video.read_bytes()[4:8] for video in saved] == [b"ftyp", b"ftyp"]
    assert [video.name.rpartition("-")[0] for video in saved] == [
        f"0000{row}-{prompt.replace(', ', '-').replace(' ', '-')}" for row, prompt in enumerate(prompts, start=1)
    ]
    assert all(video.name in (tmp_path / "out" / "index.html").read_text("utf-8") for video in saved)
    again = run("batch", str(file), *name, "--force", "--wait", "--json", code=1)
    assert [row["status"] for row in json.loads(again.stdout)] == ["completed", "completed", "error"]
    assert "Requested earlier, not paid for again: 2 of 3 rows." in again.stderr
    assert [cloud.creates(prompt) for prompt in prompts] == [1, 1]

    file.write_text(f'prompt;duration;_note\n{prompts[1]};;mine\n"{prompts[0]}";5;\n')
    edited = run("batch", str(file), *name, "--wait", "--json")
    assert {row["generation_id"] for row in json.loads(edited.stdout)} < {
        row["generation_id"] for row in json.loads(again.stdout)
    }
    assert [cloud.creates(prompt) for prompt in prompts] == [1, 1]
    refused = run("batch", str(file), "--name", f"{uuid4().hex}.csv", code=2)
    assert "--reuse" in refused.stderr


def test_failed_rows_are_fixed_and_the_videos_synced(run: Run, cloud: LocalCloud, tmp_path: Path) -> None:
    """Also with strict roles: the file of the batch, its link, and links that continue a download."""
    tag, kite = unique("a kite"), unique("=a boat")
    for prompt in (kite, tag):
        cloud.simulator.script(prompt, seconds=0)
    table = f"prompt,seed,tags\n{kite},1,project={tag[-8:]}\n{tag},x,project={tag[-8:]}\n"
    name = f"{uuid4().hex}.csv"
    (tmp_path / name).write_text(table)
    run("batch", name, "--force", "--wait", code=1)
    saved = run("batch", "rows", name, "--failed", "-o", "failed.csv")
    assert "promptreel batch failed.csv" in " ".join(saved.stderr.split())
    text = (tmp_path / "failed.csv").read_text("utf-8-sig")
    (tmp_path / "failed.csv").write_text(text.replace(",x,", ",2,"))
    fixed = run("batch", "failed.csv", "--wait")
    assert "1 changed row (2)" in fixed.stderr
    assert "2 of 2 rows completed (1 requested earlier)" in fixed.stdout
    assert [cloud.creates(prompt) for prompt in (kite, tag)] == [1, 1]

    synced = run("sync", "out", "--batch", name).stdout.splitlines()
    first = tmp_path / synced[0]
    assert [Path(path).name[:5] for path in synced] == ["00001", "00002"]
    assert json.loads(first.with_name(f"{first.name}.json").read_text())["prompt"] == kite
    whole = first.read_bytes()
    first.unlink()
    first.with_name(f"{first.name}.part").write_bytes(whole[: len(whole) // 2])
    assert run("sync", "out", "--batch", name).stdout.splitlines() == synced[:1]
    assert first.read_bytes() == whole
    again = run("sync", "out", "--tag", f"project={tag[-8:]}", "--verify")
    assert again.stderr.splitlines()[-1] == "0 videos saved, 2 already there."


def test_a_batch_is_listed_cancelled_retried_and_reported_by_its_owner(
    run: Run, cloud: LocalCloud, tmp_path: Path
) -> None:
    prompt = unique("a kite")
    cloud.simulator.script(prompt, outcome="never")
    file = tmp_path / f"{uuid4().hex}.jsonl"
    file.write_text("".join(json.dumps({"prompt": prompt, "seed": seed}) + "\n" for seed in (1, 2)))
    which = run("batch", str(file)).stdout.strip()
    eventually(lambda: cloud.creates(prompt) == 2 or None)
    assert which in run("batch", "list").stdout
    cancelled = json.loads(run("batch", "cancel", which, "--json").stdout)
    assert (cancelled["status"], cancelled["counts"]["error"]) == ("cancelled", 2)
    assert [row["error"].partition(":")[0] for row in json.loads(run("batch", "report", which, "--json").stdout)] == [
        "Cancelled",
        "Cancelled",
    ]
    cloud.simulator.script(prompt, seconds=0)
    done = run("batch", "retry", which, "--wait", "-o", "out", "--videos")
    assert re.fullmatch(r"2 of 2 rows completed(, [0-9.]+ USD in total)?\.\n", done.stdout)
    assert cloud.creates(prompt) == 2, "the provider had them: they are fetched, and not paid again"
    assert len(list((tmp_path / "out").glob("*.mp4"))) == 2
