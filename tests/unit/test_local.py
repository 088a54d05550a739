"""Test the local cloud's life cycle with real processes: small servers replace ministack, and a script the CDK CLI."""

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import requests

from local import deploy, processes, services
from local.processes import Process
from local.reset import note_provider, videos
from local.settings import AIML_API, Checkout, LocalCloudError, Settings, isolate
from local.stack import Stack

ROOT = Path(__file__).parents[2]
# Answers every GET on GATEWAY_PORT, with its environment and the id of a child of its own.
SERVER = f"""#!{sys.executable}
import http.server, json, os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({{"environment": dict(os.environ), "child": child.pid}}).encode())
http.server.HTTPServer(("127.0.0.1", int(os.environ["GATEWAY_PORT"])), Handler).serve_forever()
"""
# Counts its deployments and writes outputs, unless there is a file `broken` in the checkout.
CDK = f"""#!{sys.executable}
import os, pathlib, sys
if pathlib.Path("broken").exists():
    sys.exit("❌  promptreel-local failed: the bucket is taken\\n\\nError: Subprocess exited with error 1")
if sys.argv[1] == "deploy":
    pathlib.Path(sys.argv[sys.argv.index("--outputs-file") + 1]).write_text('{{"promptreel-local": {{"A": "b"}}}}')
with open(pathlib.Path(__file__).parent / "calls", "a") as calls:
    calls.write(sys.argv[1] + "\\n")
(pathlib.Path(__file__).parent / "validation").write_text(os.environ.get("CDK_VALIDATION", "true"))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    made = make_checkout(tmp_path / "checkout")
    yield made
    services.throw_away(made)


def make_checkout(root: Path) -> Checkout:
    """Make a checkout with the replacements, the real local/ and the real core."""
    shutil.copytree(ROOT / "infra", root / "infra", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "local", root / "local")
    shutil.copytree(ROOT / "functions", root / "functions")
    for path, text in {".venv/ministack/bin/python": SERVER, "node_modules/.bin/cdk": CDK}.items():
        make_tool(root / path, text)
    make_tool(root / ".venv/bin/node", "")
    for path in ("app.py", "cdk.json", "infra/stack.py", "statemachine/a.asl.json", "requirements/layer.txt"):
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(path)
    made = Checkout(root)
    made.make_state()
    return made


def make_tool(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def run_local(checkout: Checkout, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=checkout.root,
        env={"PATH": os.defpath, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


# --- processes ---------------------------------------------------------------------------------------------


def test_a_chosen_port_that_is_taken_is_refused_with_the_setting_to_change() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalCloudError, match=rf"Port {port} is not free .* AWS_PORT"):
            processes.choose_port("AWS_PORT", port)
    assert processes.choose_port("AWS_PORT", port) == port


def test_a_second_start_finds_the_running_process(checkout: Checkout) -> None:
    first = services.ensure_ministack(checkout, Settings())
    assert services.ensure_ministack(checkout, Settings(aws_port=first.port)) == first


def test_a_port_other_than_the_running_one_is_rejected(checkout: Checkout) -> None:
    running = services.ensure_ministack(checkout, Settings())
    with pytest.raises(LocalCloudError, match=rf"already runs on port {running.port}\. .*AWS_PORT"):
        services.ensure_ministack(checkout, Settings(aws_port=running.port + 1))


def test_another_process_with_a_reused_id_is_neither_found_nor_stopped(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        started = processes.start_time(stranger.pid)
        assert started is not None
        record = f'{{"name": "x", "pid": {stranger.pid}, "started": {started - 3600}, "port": 1}}'
        (tmp_path / "x.json").write_text(record)
        assert processes.find(tmp_path, "x") is None
        assert processes.stop(tmp_path, "x") is None
        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_stopping_ends_the_process_group_of_this_checkout_only(checkout: Checkout, tmp_path: Path) -> None:
    other = make_checkout(tmp_path / "other")
    mine, theirs = (services.ensure_ministack(c, Settings()) for c in (checkout, other))
    child = requests.get(mine.url, timeout=10).json()["child"]
    try:
        assert services.stop_all(checkout) == [mine]
        assert not mine.runs()
        assert processes.start_time(child) is None
        assert services.stop_all(checkout) == []
        assert theirs.runs()
    finally:
        services.stop_all(other)


def test_a_process_that_ignores_the_request_to_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.0)
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1)\nwhile True: signal.pause()"
    log = tmp_path / "stubborn.log"
    stubborn = processes.start(
        tmp_path,
        "stubborn",
        processes.Server([sys.executable, "-uc", code], port=1, env={}),
        is_ready=lambda _: log.read_text() == "1\n",
    )
    assert processes.stop(tmp_path, "stubborn") == stubborn
    assert not stubborn.runs()


def test_a_server_that_exits_immediately_is_reported_with_the_end_of_its_log(checkout: Checkout) -> None:
    make_tool(checkout.root / ".venv/ministack/bin/python", "#!/bin/sh\necho no room left\nexit 3\n")
    with pytest.raises(LocalCloudError, match="ministack ended while it was starting: no room left"):
        services.ensure_ministack(checkout, Settings())
    assert processes.find(checkout.state, "ministack") is None


def test_a_missing_tool_is_reported_with_what_to_do(checkout: Checkout) -> None:
    (checkout.root / ".venv/ministack/bin/python").unlink()
    with pytest.raises(LocalCloudError, match=r"ministack/bin/python is missing\. Run make again"):
        services.ensure_ministack(checkout, Settings())


# --- what servers and tools get to see -----------------------------------------------------------------------


def test_ministack_sees_nothing_of_the_users_environment(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AIMLAPI_KEY", "HTTPS_PROXY", "ANYTHING"):
        monkeypatch.setenv(name, "the user's")
    running = services.ensure_ministack(checkout, Settings(wait_scale="0"))
    environment = requests.get(running.url, timeout=10).json()["environment"]
    assert "the user's" not in environment.values()
    assert environment["BIND_HOST"] == "127.0.0.1"
    assert environment["SFN_WAIT_SCALE"] == "0"
    assert environment["TMPDIR"].startswith(str(checkout.state))


def test_the_simulator_accepts_the_checkouts_key_and_only_the_owner_can_read_it(
    checkout: Checkout,
) -> None:
    running = services.ensure_simulator(checkout, Settings())
    key = services.simulator_key(checkout)
    url = f"{running.url}/v2/video/generations?generation_id=none"
    assert requests.get(url, headers={"Authorization": f"Bearer {key}"}, timeout=10).status_code == 404
    assert requests.get(url, headers={"Authorization": "Bearer other"}, timeout=10).status_code == 401
    holders = [path for path in checkout.state.rglob("*") if path.is_file() and key in path.read_text()]
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in holders} == {"simulator.key": 0o600}


def test_isolation_removes_the_users_account_and_the_providers_key_and_keeps_the_rest() -> None:
    environ = {"AWS_PROFILE": "work", "AIMLAPI_KEY": "secret", "HOME": "/home/me", "NO_PROXY": "intra"}
    isolate(environ)
    assert "AWS_PROFILE" not in environ
    assert "AIMLAPI_KEY" not in environ
    assert environ["HOME"] == "/home/me"
    assert environ["NO_PROXY"] == "intra,127.0.0.1,localhost"
    assert environ["AWS_ACCESS_KEY_ID"] == "test"


@pytest.mark.parametrize(
    ("environ", "url", "key"),
    [
        ({}, None, None),
        ({"PROVIDER_URL": "", "AIMLAPI_KEY": ""}, None, None),
        ({"AIMLAPI_KEY": "k"}, AIML_API, "k"),
        ({"PROVIDER_URL": "http://127.0.0.1:9/"}, "http://127.0.0.1:9", None),
        ({"PROVIDER_URL": "http://127.0.0.1:9", "AIMLAPI_KEY": "k"}, "http://127.0.0.1:9", "k"),
    ],
)
def test_the_provider_is_the_given_the_real_one_with_a_key_or_the_simulator(
    environ: dict[str, str], url: str | None, key: str | None
) -> None:
    settings = Settings.read(environ)
    assert (settings.provider_url, settings.provider_key) == (url, key)


# --- deployment ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["functions/core/errors.py", "statemachine/a.asl.json", "infra/stack.py", "cdk.json"])
def test_a_change_of_deployed_files_changes_the_hash(checkout: Checkout, path: str) -> None:
    before = deploy.content_hash(checkout.root, "http://p")
    (checkout.root / path).write_text("changed")
    assert deploy.content_hash(checkout.root, "http://p") != before


def test_the_hash_includes_the_provider_and_ignores_pythons_caches(checkout: Checkout) -> None:
    before = deploy.content_hash(checkout.root, "http://p")
    (checkout.root / "infra/__pycache__").mkdir()
    (checkout.root / "infra/__pycache__/stack.pyc").write_text("x")
    assert deploy.content_hash(checkout.root, "http://p") == before
    assert deploy.content_hash(checkout.root, "http://q") != before


def test_it_deploys_again_only_to_an_empty_ministack_or_after_a_change(checkout: Checkout) -> None:
    ministack = Process("ministack", 1, 1.0, 1)
    assert not deploy.is_current(checkout, "http://p")
    deploy.deploy(checkout, ministack, "http://p")
    assert deploy.is_current(checkout, "http://p")
    assert deploy.outputs(checkout) == {"A": "b"}
    (checkout.root / "app.py").write_text("changed")
    assert not deploy.is_current(checkout, "http://p")
    deploy.deploy(checkout, ministack, "http://p")
    calls = (checkout.root / "node_modules/.bin/calls").read_text().split()
    assert sorted(calls[:2]) == ["bootstrap", "synth"], "at the same time"
    assert calls[2:] == ["deploy", "deploy"]


def test_cdk_does_not_validate_the_templates_of_a_local_deployment(checkout: Checkout) -> None:
    deploy.synthesize(checkout, Process("ministack", 1, 1.0, 1), "http://p")
    assert (checkout.root / "node_modules/.bin/validation").read_text() == "false"


def test_a_deployment_that_a_killed_ministack_may_have_lost_is_repeated(checkout: Checkout) -> None:
    deploy.deploy(checkout, Process("ministack", 1, 1.0, 1), "http://p")
    assert not deploy.is_kept(checkout), "none of it is on the disk"
    for folder in ("part", "1"):
        written = checkout.data / f"aws/{folder}/cloudformation.json"
        written.parent.mkdir(parents=True)
        written.touch()
        assert deploy.is_kept(checkout) == (folder == "1"), "the other one is not complete"
    os.utime(written, (time.time() - 60,) * 2)  # just before the deployment
    assert not deploy.is_kept(checkout)
    deploy.forget(checkout)
    assert not deploy.is_current(checkout, "http://p")


def test_a_failed_deployment_is_not_recorded_and_shows_the_clis_error(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout.root)
    ministack = Process("ministack", 1, 1.0, 1)
    deploy.deploy(checkout, ministack, "http://p")
    (checkout.root / "app.py").write_text("changed")
    (checkout.root / "broken").touch()
    with pytest.raises(LocalCloudError, match=r"cdk deploy failed: .*the bucket is taken .*deploy\.log"):
        deploy.deploy(checkout, ministack, "http://p")
    (checkout.root / "app.py").write_text("app.py")
    assert not deploy.is_current(checkout, "http://p")


# --- what is kept --------------------------------------------------------------------------------------------


def test_the_next_start_uses_the_same_ports_if_they_are_free_and_says_so_if_not(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    port = services.ensure_ministack(checkout, Settings()).port
    services.stop_all(checkout)
    assert services.ensure_ministack(checkout, Settings()).port == port
    services.stop_all(checkout)
    assert capsys.readouterr().out == ""
    with socket.create_server(("127.0.0.1", port)):
        moved = services.ensure_ministack(checkout, Settings()).port
    assert moved != port
    said = capsys.readouterr().out
    assert said.startswith(f"Another program uses port {port}, so ministack moves to port {moved}.")
    assert said.count("\n") == 1


def archive_video(checkout: Checkout, generation_id: str, at: float) -> None:
    path = checkout.data / f"s3/000000000000/videos-bucket/videos/{generation_id}/video.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a video")
    os.utime(path, (at, at))


def test_a_reset_says_what_would_be_lost_and_deletes_nothing_unconfirmed(checkout: Checkout) -> None:
    note_provider(checkout, "http://127.0.0.1:1", is_simulator=True)
    archive_video(checkout, "simulated", time.time())
    time.sleep(0.01)
    note_provider(checkout, AIML_API, is_simulator=False)
    note_provider(checkout, AIML_API, is_simulator=False)
    archive_video(checkout, "paid", time.time())
    archive_video(checkout, "of unknown origin", 1.0)
    services.ensure_ministack(checkout, Settings())
    refused = run_local(checkout, "reset")
    assert refused.returncode == 1
    assert "all videos (3; 2 may have cost money)" in refused.stdout
    assert (
        refused.stderr == "Nothing was deleted, because confirmation needs a terminal. Set FORCE=1 to delete anyway.\n"
    )
    assert videos(checkout) == (3, 2)
    assert processes.find(checkout.state, services.MINISTACK)
    assert run_local(checkout, "reset", FORCE="1").returncode == 0
    assert not checkout.data.exists()
    assert not processes.find(checkout.state, services.MINISTACK)
    assert run_local(checkout, "reset").stdout == "Nothing to delete.\n"


# --- the command line ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [{"AWS_PORT": "eighty"}, {"PROVIDER_PORT": "65536"}, {"PROVIDER_URL": "aiml"}])
def test_an_invalid_setting_is_reported_in_one_sentence(checkout: Checkout, setting: dict[str, str]) -> None:
    ended = run_local(checkout, "up", **setting)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert all(f"{name}={value}" in ended.stderr for name, value in setting.items())


def test_up_fails_with_one_sentence_and_down_stops_its_processes(checkout: Checkout) -> None:
    make_tool(checkout.root / "node_modules/.bin/cdk", "#!/bin/sh\necho 'Error: no such stage' >&2; exit 1\n")
    ended = run_local(checkout, "up")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "cdk bootstrap failed: Error: no such stage" in ended.stderr
    started = [processes.find(checkout.state, name) for name in services.NAMES]
    stopped = run_local(checkout, "down")
    assert stopped.stdout.count("Stopped ") == 2
    assert not any(process and process.runs() for process in started)
    assert run_local(checkout, "down").stdout == "Nothing was running.\n"


def test_up_does_not_touch_the_data_of_an_older_version_and_says_how_to_delete_it(checkout: Checkout) -> None:
    kept = json.dumps({deploy.STACK: {"PlacesTableName": "promptreel-local-Places"}})
    (checkout.data / "outputs.json").write_text(kept)
    ended = run_local(checkout, "up")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "The data of this local cloud is from an older version. Delete it with make reset and try again.\n"
    )
    assert [path.name for path in checkout.data.iterdir()] == ["outputs.json"]
    assert run_local(checkout, "reset", FORCE="1").returncode == 0
    assert not deploy.is_outdated(checkout)


def test_stack_json_is_read_back_and_only_readable_by_its_owner(checkout: Checkout) -> None:
    stack = Stack(**{field.name: field.name for field in fields(Stack)})
    stack.save(checkout)
    assert Stack.load(checkout) == stack
    assert stat.S_IMODE((checkout.state / "stack.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((checkout.state / "curl.conf").stat().st_mode) == 0o600
    shell = [". ./aws.env && echo $AWS_ENDPOINT_URL $BUCKET $BUS"]
    told = subprocess.run(["/bin/sh", "-c", *shell], cwd=checkout.state, capture_output=True, text=True, check=True)
    assert told.stdout == "aws_endpoint_url prompts_bucket bus_name\n"
    Stack.forget(checkout)
    assert Stack.load(checkout) is None
