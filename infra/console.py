"""The console's function with its files: the sources of console/ as three files, which a browser loads at once.

Loaded as they are, some twenty modules would be as many calls of a function, at the first visit all at the same time;
so esbuild makes one script of them and the libraries, and names it after its content.
"""

import gzip
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from infra.bundle import ROOT, BundlingFailed, add_bytecode, bundled, files_in, hash_of
from infra.code import FUNCTIONS

SOURCES = ROOT / "console"
LOCK_FILE = ROOT / "package-lock.json"
ESBUILD = ROOT / "node_modules" / ".bin" / "esbuild"
CODE = ("console.py", "core/__init__.py", "core/settings.py")  # all that the function loads
ENTRIES = ("app.js", "console.css", "icon.svg")
BROWSERS = "es2022,chrome111,edge111,firefox114,safari16.4"


@dataclass(frozen=True)
class ConsoleCode:
    """The function `console` and the site beside it, for one Python (as in "3.13")."""

    python: str

    @property
    def key(self) -> str:
        """Names the contents."""
        code = [FUNCTIONS / name for name in CODE]
        return hash_of([*files_in(SOURCES), *code, LOCK_FILE, Path(__file__)], ROOT, self.python)

    def build(self) -> Path:
        """A directory laid out as Lambda expects, with the files of the page in `site/`."""
        return bundled(self.key, self._fill)

    def _fill(self, target: Path) -> None:
        for name in CODE:
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(FUNCTIONS / name, copy)
        add_bytecode(target, self.python, "/var/task")
        build_site(target / "site")


def build_site(target: Path) -> None:
    """Write the page and what it loads, compressed: `index.html.gz`, `app-<hash>.js.gz` and so on."""
    target.mkdir(parents=True)
    made = target / "made"
    command = [str(ESBUILD), *(str(SOURCES / name) for name in ENTRIES), "--bundle", "--minify", "--format=esm"]
    command += [f"--target={BROWSERS}", "--loader:.svg=copy", "--entry-names=[name]-[hash]", "--legal-comments=none"]
    command += [f"--outdir={made}", f"--metafile={made}.json", "--log-level=warning", "--charset=utf8"]
    try:
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - all ours
    except OSError as error:
        raise BundlingFailed(
            f"The tool esbuild, which packs the console, cannot be run ({error}): `npm ci` installs it."
        ) from None
    if ended.returncode:
        raise BundlingFailed(f"The console could not be packed by esbuild:\n{ended.stderr}")
    outputs = json.loads(Path(f"{made}.json").read_text())["outputs"]
    page = (SOURCES / "index.html").read_text("utf-8")
    for path, output in outputs.items():
        file = ROOT / path
        source = output.get("entryPoint") or next(iter(output["inputs"]))
        page = page.replace(f'"{Path(source).name}"', f'"console/{file.name}"')
        _write(target / file.name, file.read_bytes())
    _write(target / "index.html", page.encode())
    shutil.rmtree(made)
    Path(f"{made}.json").unlink()


def _write(path: Path, content: bytes) -> None:
    """Compressed, and the same bytes whenever it is made."""
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
