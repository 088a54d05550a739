"""Run the tutorial as its reader does, with the tests' local cloud in place of those that its make commands start."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from local.up import summary
from tests.support.local_cloud import CHECKOUT, STACK_FILE, LocalCloud

TUTORIAL = (CHECKOUT.root / "docs" / "tutorial.md").read_text("utf-8")
PROMPTS = (
    "A lighthouse in a storm",
    "A paper boat, at dusk",
    "A red kite above a beach",
    "A night train in the snow",
    "A red balloon",
)
# `make up` and `make sandbox` print lines to paste. Each call of make is noted.
MAKE = r"""
make() {
    printf '%s\n' "$(printf '%q ' "$@")" >> "$SCRATCH/made"
    case "$1" in up) . "$SCRATCH/up.sh" ;; sandbox) . "$SCRATCH/sandbox.sh" ;; esac
}
"""


def test_every_command_of_the_tutorial_works(cloud: LocalCloud, tmp_path: Path) -> None:
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```", TUTORIAL, re.MULTILINE | re.DOTALL)
    printed = re.findall(r"^  ((?:\.|export) .*)$", summary(CHECKOUT, cloud.stack), re.MULTILINE)
    assert len(printed) == 3
    # The paths in it are relative to the checkout.
    (tmp_path / "up.sh").write_text("\n".join([f"cd '{CHECKOUT.root}'", *printed, f"cd '{tmp_path}'"]))
    (tmp_path / "sandbox.sh").write_text(f"unset PROMPTREEL_API_KEY\nexport PROMPTREEL_LOCAL='{STACK_FILE}'")
    for prompt in PROMPTS:
        cloud.simulator.script(prompt, seconds=0)
    script = [f"SCRATCH='{tmp_path}'", MAKE, f"cd '{tmp_path}'"]
    script += [block if language == "sh" else f"python - <<'PYTHON'\n{block}PYTHON" for language, block in blocks]
    ran = subprocess.run(
        ["/bin/bash", "-eux", "-o", "pipefail"],
        input="\n".join(script),
        env=cloud.environment(HOME=str(tmp_path), USER="ann", PATH=os.defpath),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for name in ("lighthouse.mp4", "balloon.mp4", "from-aws.mp4"):
        assert (tmp_path / name).read_bytes()[4:8] == b"ftyp"
    assert len([*(tmp_path / "scenes").rglob("*.mp4")]) == 3
    assert "2 requested earlier" in ran.stdout + ran.stderr, "only the new row is paid for"
    made = [shlex.split(line) for line in (tmp_path / "made").read_text().splitlines()]
    targets = [one[0] for one in made]
    assert targets == ["demo", "up", "bootstrap", "sandbox", "sandbox-down", "down"]
    for arguments in made:
        dry = [shutil.which("make") or "make", "--dry-run", *arguments]
        subprocess.run(dry, cwd=CHECKOUT.root, check=True, capture_output=True)
