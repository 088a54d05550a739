"""Run the blocks of README.md and docs/, unchanged and in order, after the commands that `make up` prints.

tests/support/pages.py says which. Each page has one shell, an empty folder and an owner of its own.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from local.up import summary
from tests.support.local_cloud import CHECKOUT, LocalCloud, unique
from tests.support.pages import PAGES, blocks

SCRIPTS = {page: [(block.place, block.shell) for block in blocks(page, text)] for page, text in PAGES.items()}
RUNNABLE = [page for page, shells in SCRIPTS.items() if any(shell for _, shell in shells)]
PROMPT = re.compile(r"""(?:create\(|create |"prompt\\?": \\?)"(.+?)\\?[",]""")
IN_FILES = ("A kite", "A paper boat", "A toy boat", "A paper boat, at dusk", "A paper boat at dusk")
AWS = f"""#!/bin/sh
PYTHONPATH={shlex.quote(str(CHECKOUT.root))} exec {shlex.quote(sys.executable)} -m tests.support.aws_program "$@"
"""


def script_of(page: str, cloud: LocalCloud, folder: Path) -> str:
    """Return the commands that `make up` prints, and then those of the page."""
    printed = re.findall(r"^  ((?:\.|export) .*)$", summary(CHECKOUT, cloud.stack), re.MULTILINE)
    assert len(printed) == 3, "the virtual environment, the URL and the key"
    # Other tests use the owner of the key that `make up` prints, and `promptreel watch` would wait for their videos.
    key = cloud.key_of(unique("pages").replace(" ", "-"))
    script = [f"cd {shlex.quote(str(CHECKOUT.root))}", *printed, f"export PROMPTREEL_API_KEY={key}"]
    script += [f"cd {shlex.quote(str(folder))}", "set -eux -o pipefail"]
    for place, shell in SCRIPTS[page]:
        script += [f": {place}", shell] if shell else []
    return "\n".join(script)


@pytest.mark.parametrize("page", RUNNABLE)
def test_the_blocks_of_a_page_run(cloud: LocalCloud, tmp_path: Path, page: str) -> None:
    programs, folder = tmp_path / "programs", tmp_path / "folder"
    programs.mkdir()
    folder.mkdir()
    (folder / ".local").symlink_to(CHECKOUT.state)
    (programs / "aws").write_text(AWS)
    (programs / "aws").chmod(0o755)
    script = script_of(page, cloud, folder)
    (programs / "script").write_text(script)
    for prompt in {*PROMPT.findall(script), *IN_FILES}:
        cloud.simulator.script(prompt, seconds=0)
    environment = cloud.environment(HOME=str(tmp_path))
    environment["PATH"] = f"{programs}:{os.defpath}"  # the commands themselves provide promptreel
    ran = subprocess.run(
        ["/bin/bash", programs / "script"],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    if page == "README.md":
        rows = sorted((folder / "out").glob("*.mp4"))
        assert len(rows) == 2
        for path in (folder / "boat.mp4", folder / "kite.mp4", *rows):
            assert path.read_bytes()[4:8] == b"ftyp"
