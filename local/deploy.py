"""Deploy the real stack to the local AWS with the CDK CLI if anything has changed since the last deployment."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from infra.bundle import files_in, hash_of
from local.processes import Process, last_line
from local.settings import ACCOUNT, REGION, Checkout, LocalCloudError

STACK = "promptreel-local"
SOURCES = (
    *("app.py", "cdk.json", "infra", "functions", "console", "statemachine"),
    *("package-lock.json", "requirements/layer.txt"),
)
TELLING = re.compile(r"❌|\b\w*(Error|Exception|Failed|FAILED)\b")


def is_current(checkout: Checkout, provider_url: str) -> bool:
    """Return whether the deployed stack matches the checkout."""
    return _read_json(_deployed_path(checkout)) == _what_is_deployed(checkout, provider_url)


def is_kept(checkout: Checkout) -> bool:
    """Return whether the local AWS has written its state since the deployment, or was killed before it could."""
    written = [path.stat().st_mtime for path in (checkout.data / "aws").glob("[0-9]*/cloudformation.json")]
    deployed = _deployed_path(checkout)
    return deployed.exists() and max(written, default=0.0) >= deployed.stat().st_mtime


def is_outdated(checkout: Checkout) -> bool:
    """Return whether the stored stack is older than the table of slots, so that its records cannot be read."""
    kept = outputs(checkout)
    return bool(kept) and "SlotsTableName" not in kept


def forget(checkout: Checkout) -> None:
    """Make the next `up` deploy the stack again."""
    _deployed_path(checkout).unlink(missing_ok=True)


def synthesize(checkout: Checkout, ministack: Process, provider_url: str) -> None:
    """Prepare what takes most of the time of the next deployment, which must then be told so."""
    _cdk(checkout, ministack, checkout.root, ["synth", STACK, "--quiet", *_synthesis(checkout, provider_url)])


def deploy(checkout: Checkout, ministack: Process, provider_url: str, *, is_synthesized: bool = False) -> None:
    """Deploy the stack of the checkout. Raise LocalCloudError with the CLI's error if that fails."""
    wanted = _what_is_deployed(checkout, provider_url)
    deployed = _deployed_path(checkout)
    if not deployed.exists():
        with ThreadPoolExecutor() as both:  # neither needs the other, and each takes seconds
            # Run in a directory without cdk.json: otherwise the CLI would synthesize the app and ignore the result.
            bootstrap = ["bootstrap", f"aws://{ACCOUNT}/{REGION}"]
            begun = [both.submit(_cdk, checkout, ministack, checkout.state, bootstrap)]
            if not is_synthesized:
                begun.append(both.submit(synthesize, checkout, ministack, provider_url))
        for one in begun:
            one.result()
        is_synthesized = True
    deployed.write_text(json.dumps(wanted | {"content": None}))
    _cdk(
        checkout,
        ministack,
        checkout.root,
        [
            *("deploy", STACK, "--require-approval", "never", "--outputs-file", str(_outputs_path(checkout))),
            *(["--app", str(_assembly(checkout))] if is_synthesized else _synthesis(checkout, provider_url)),
        ],
    )
    deployed.write_text(json.dumps(wanted))


def outputs(checkout: Checkout) -> dict[str, str]:
    """Return the outputs of the last deployment by their CDK names, empty before the first."""
    found: dict[str, str] = _read_json(_outputs_path(checkout)).get(STACK, {})
    return found


def content_hash(root: Path, provider_url: str) -> str:
    """Return a hash of all sources of the deployed stack."""
    paths = [root / source for source in SOURCES]
    files = (file for path in paths for file in ([path] if path.is_file() else files_in(path)))
    return hash_of(files, root, provider_url)


def _synthesis(checkout: Checkout, provider_url: str) -> list[str]:
    """Return the options with which the CLI synthesizes the app."""
    context = ["--context", "stage=local", "--context", f"provider_url={provider_url}"]
    return [*context, "--output", str(_assembly(checkout))]


def _assembly(checkout: Checkout) -> Path:
    return checkout.state / "cdk.out"


def _cdk(checkout: Checkout, ministack: Process, cwd: Path, arguments: list[str]) -> None:
    log = checkout.state / f"{arguments[0]}.log"
    command = [str(checkout.tool("node_modules/.bin/cdk")), *arguments, "--no-notices", "--no-color", "--ci"]
    with log.open("w") as output:
        ended = subprocess.run(  # noqa: S603 - our own command, without a shell
            command,
            cwd=cwd,
            env=_cdk_environment(checkout, ministack, os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if ended.returncode:
        raise LocalCloudError(f"cdk {arguments[0]} failed: {telling_line(log)} (see {log})")


def _cdk_environment(checkout: Checkout, ministack: Process, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the user's environment, which bundling needs for caches and package indexes, for the local AWS.

    `isolate` has already been applied. The tools of the checkout take precedence.
    """
    checkout.tool(".venv/bin/node")
    return {
        **environ,
        "PATH": os.pathsep.join([str(checkout.root / ".venv/bin"), environ.get("PATH", os.defpath)]),
        "AWS_ENDPOINT_URL": ministack.url,
        "CDK_HOME": str(checkout.state / "cdk"),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_VALIDATION": "false",  # takes half of a synthesis; make check and make deploy validate the templates
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }


def telling_line(log: Path) -> str:
    """Return the line of the CLI's output that describes the error."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    telling = [line for line in lines if TELLING.search(line) and "Subprocess exited" not in line]
    return telling[-1] if telling else last_line(log)


def _what_is_deployed(checkout: Checkout, provider_url: str) -> dict[str, Any]:
    return {"content": content_hash(checkout.root, provider_url)}


def _deployed_path(checkout: Checkout) -> Path:
    return checkout.data / "deployed.json"


def _outputs_path(checkout: Checkout) -> Path:
    return checkout.data / "outputs.json"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found
