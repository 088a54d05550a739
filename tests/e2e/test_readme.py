"""Run the commands from README.md and the output of `make up`, unchanged and in order."""

import os
import re
import subprocess
from pathlib import Path

from local.up import summary
from tests.support.local_cloud import CHECKOUT, LocalCloud

USE = re.search("^## Use it$.*?(?=^## )", (CHECKOUT.root / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)


def test_the_readmes_commands_work_after_those_of_make_up(cloud: LocalCloud, tmp_path: Path) -> None:
    assert USE is not None
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```", USE[0], re.MULTILINE | re.DOTALL)
    script = [f"cd '{CHECKOUT.root}'"]
    script += re.findall(r"^  ((?:\.|export) .*)$", summary(CHECKOUT, cloud.stack), re.MULTILINE)
    assert len(script) == 4, "the virtual environment, the URL and the key"
    script.append(f"cd '{tmp_path}'")
    for language, block in blocks:
        script.append(block if language == "sh" else f"python - <<'PYTHON'\n{block}PYTHON")
    environment = cloud.environment(HOME=str(tmp_path))
    environment["PATH"] = os.defpath  # the commands themselves provide promptreel
    ran = subprocess.run(
        ["/bin/bash", "-eux", "-o", "pipefail"],
        input="\n".join(script),
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for name in ("boat.mp4", "kite.mp4"):
        assert (tmp_path / name).read_bytes()[4:8] == b"ftyp"
