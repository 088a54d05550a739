"""The deployed API keeps the contract that it serves, whatever is sent to it."""

import subprocess
from pathlib import Path

import pytest

from tests.support.local_cloud import LocalCloud

CREATE = "(create|createOlder)"


@pytest.mark.parametrize(
    "scope",
    [
        # Every combination that the contract's schemas suggest would be some thousand requests for the 17 models; what
        # is allowed of them is tested on the schemas themselves.
        ["--include-operation-id-regex", CREATE, "--phases", "examples,fuzzing", "--max-examples", "40"],
        ["--exclude-operation-id-regex", CREATE, "--phases", "examples,coverage,fuzzing", "--max-examples", "25"],
    ],
    ids=["create", "everything else"],
)
def test_every_answer_is_as_the_contract_says(cloud: LocalCloud, tmp_path: Path, scope: list[str]) -> None:
    """Allowed requests are accepted, others refused, answers are as documented, and nothing opens without a key."""
    config = tmp_path / "schemathesis.toml"
    config.write_text('headers = { Authorization = "Bearer ${API_KEY}" }\nmax-redirects = 0\n')
    url = cloud.stack.api_url
    command = ["schemathesis", "--config-file", str(config), "run", f"{url}/openapi.json", "--url", url]
    command += ["--checks", "all", "--seed", "1", "--no-color", "--request-timeout", "60", *scope]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=cloud.environment(API_KEY=cloud.stack.api_key),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
