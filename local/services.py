"""Start and stop the two servers of the local cloud: ministack (the local AWS) and the provider simulator."""

import fcntl
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from local import processes, tls
from local.processes import Process
from local.settings import LOOPBACK, Checkout, LocalCloudError, Settings, isolate, say

MINISTACK = "ministack"
SIMULATOR = "simulator"
NAMES = (MINISTACK, SIMULATOR)


def ensure_ministack(checkout: Checkout, settings: Settings) -> Process:
    """Return this checkout's ministack. Start it if it is not running."""
    if running := _find(checkout, MINISTACK, "AWS_PORT", settings.aws_port):
        if settings.is_strict:
            os.environ.update(tls.trusting(checkout))
        return running
    python = checkout.tool(".venv/ministack/bin/python")
    scratch = checkout.state / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    env = _clean_environment(checkout) | dict(settings.functions_see)
    env |= {
        "BIND_HOST": LOOPBACK,
        "TMPDIR": str(scratch),
        # Keep its state on disk (local/state.py).
        "PERSIST_STATE": "1",
        "STATE_DIR": str(checkout.data / "aws"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(checkout.data / "s3"),
        # Otherwise it throttles calls that exceed its estimate of the machine. Here they wait
        # (local/function_processes.py).
        "LAMBDA_ACCOUNT_CONCURRENCY": "0",
        # These services use fixed ports, which two checkouts cannot share.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    if settings.wait_scale:
        env["SFN_WAIT_SCALE"] = settings.wait_scale
    if settings.is_strict:
        env |= {"AUTH": "true", **tls.serving(checkout)}
        os.environ.update(tls.trusting(checkout))
    port = _same_port(checkout, MINISTACK, "AWS_PORT", settings.aws_port)
    return processes.start(
        checkout.state,
        MINISTACK,
        processes.Server(
            [python, "-P", checkout.root / "local/emulator.py"],  # -P: modules of local/ must not shadow its own
            port=port,
            env=env | {"GATEWAY_PORT": str(port)},
            scheme="https" if settings.is_strict else "http",
        ),
        is_ready=lambda url: _answers(f"{url}/_ministack/health"),
    )


def ensure_simulator(checkout: Checkout, settings: Settings) -> Process:
    """Return this checkout's simulator, which accepts `simulator_key`. Start it if it is not running."""
    if running := _find(checkout, SIMULATOR, "PROVIDER_PORT", settings.provider_port):
        return running
    port = _same_port(checkout, SIMULATOR, "PROVIDER_PORT", settings.provider_port)
    return processes.start(
        checkout.state,
        SIMULATOR,
        processes.Server(
            [sys.executable, "-m", "local.simulator", "--port", str(port), "--jobs", checkout.data / "simulator.jsonl"],
            port=port,
            # The key is passed in the environment, because other users can read a process's arguments.
            env=_clean_environment(checkout)
            # The simulator downloads inputs from the local AWS.
            | {name: os.environ[name] for name in tls.TRUST if name in os.environ}
            | {"PYTHONPATH": str(checkout.root), "SIMULATOR_KEYS": simulator_key(checkout)},
        ),
        is_ready=is_simulator,
    )


def restart_ministack(checkout: Checkout, settings: Settings) -> Process:
    """Restart the local AWS with its data on the same port. Running executions are resumed."""
    if processes.stop(checkout.state, MINISTACK) is None:
        raise LocalCloudError("The local AWS is not running. Run make up to start it.")
    return ensure_ministack(checkout, settings)


def stop_all(checkout: Checkout) -> list[Process]:
    """Stop this checkout's servers, keep their data, and return those that were running."""
    stopped = [processes.stop(checkout.state, name) for name in NAMES]
    shutil.rmtree(checkout.state / "tmp", ignore_errors=True)
    return [process for process in stopped if process]


def throw_away(checkout: Checkout) -> list[Process]:
    """Stop this checkout's servers, delete their data, and return those that were running."""
    stopped = stop_all(checkout)
    shutil.rmtree(checkout.data, ignore_errors=True)
    return stopped


@contextmanager
def lock(checkout: Checkout) -> Iterator[None]:
    """Allow only one `up`, `down` or `reset` per checkout at a time. Others wait."""
    with (checkout.state / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def simulator_key(checkout: Checkout) -> str:
    """Return the key that this checkout's simulator accepts. It is created once."""
    path = checkout.state / "simulator.key"
    if not path.exists():
        write_private(path, f"simulator-{secrets.token_urlsafe(24)}")
    return path.read_text()


def api_key_path(checkout: Checkout) -> Path:
    """Return the path of the file with the API key of the owner "demo"."""
    return checkout.data / "api.key"


def api_key(checkout: Checkout) -> str | None:
    """Return the stored API key of the owner "demo", or None."""
    path = api_key_path(checkout)
    return path.read_text() if path.exists() else None


def keep_api_key(checkout: Checkout, key: str) -> None:
    """Store the API key for the next `up`."""
    write_private(api_key_path(checkout), key)


def is_simulator(url: str) -> bool:
    """Return whether our simulator answers at a URL. Only URLs on this machine are called."""
    if not url.startswith(f"http://{LOOPBACK}:"):
        return False
    try:
        return "x-simulator" in requests.get(url, timeout=5, allow_redirects=False).headers
    except requests.RequestException:
        return False


def write_private(path: Path, text: str) -> None:
    """Write a file atomically that only its owner can read."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_text(text)
    part.replace(path)


def _same_port(checkout: Checkout, name: str, setting: str, wanted: int | None) -> int:
    """Return the wanted port, else the previous port if it is free, else any free port.

    Users and running jobs know the previous port, so a change of it is printed."""
    path = checkout.data / f"{name}.port"
    previous = int(path.read_text()) if path.exists() else None
    port = wanted
    if wanted is None and previous:
        with suppress(LocalCloudError):
            port = processes.choose_port(setting, previous)
    port = processes.choose_port(setting, port)
    if wanted is None and previous not in (None, port):
        say(
            f"Another program uses port {previous}, so {name} moves to port {port}. Replace the old port where you "
            "have stored it, for example in PROMPTREEL_URL."
        )
    path.parent.mkdir(exist_ok=True)
    path.write_text(str(port))
    return port


def _find(checkout: Checkout, name: str, setting: str, wanted: int | None) -> Process | None:
    running = processes.find(checkout.state, name)
    if running and wanted not in (None, running.port):
        raise LocalCloudError(
            f"This checkout's {name} already runs on port {running.port}. Unset {setting}, or run make down first."
        )
    return running


def _clean_environment(checkout: Checkout) -> dict[str, str]:
    """Return the environment that a server needs, without the user's AWS profile, proxies and keys."""
    env = {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(checkout.state), "PYTHONUNBUFFERED": "1"}
    isolate(env)
    return env


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False
