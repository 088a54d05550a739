"""Build the bundle of the console's function: its code and the page, whose sources in console/ become a few files.

Unbundled, the page would load more than forty modules, each with an invocation of the function. esbuild therefore
makes one script of what only the first page needs, one of what only later pages need (more.js), and one of the rest.
It names them after their content.
"""

import gzip
import json
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from html import escape
from pathlib import Path

from infra.bundle import ROOT, BundlingFailed, add_bytecode, bundled, files_in, hash_of
from infra.code import FUNCTIONS

SOURCES = ROOT / "console"
LOCK_FILE = ROOT / "package-lock.json"
PROJECT = ROOT / "pyproject.toml"
ESBUILD = ROOT / "node_modules" / ".bin" / "esbuild"
CODE = ("console.py", "core/__init__.py", "core/settings.py")  # all modules that the function loads
ENTRIES = ("app.js", "theme.js", "console.css", "icon.svg")
BROWSERS = "es2022,chrome111,edge111,firefox114,safari16.4"


@dataclass(frozen=True)
class ConsoleCode:
    """The function `console` and its site, for one version of Python, such as "3.13"."""

    python: str

    @property
    def key(self) -> str:
        """Return a hash of the contents."""
        code = [FUNCTIONS / name for name in CODE]
        return hash_of([*files_in(SOURCES), *code, LOCK_FILE, PROJECT, Path(__file__)], ROOT, self.python)

    def build(self) -> Path:
        """Return a directory with the layout that Lambda expects, with the page's files in `site/`."""
        return bundled(self.key, self._fill)

    def _fill(self, target: Path) -> None:
        for name in CODE:
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(FUNCTIONS / name, copy)
        add_bytecode(target, self.python, "/var/task")
        build_site(target / "site")


def build_site(target: Path) -> None:
    """Write the page and its files, compressed: `index.html.gz`, `app-<hash>.js.gz` and so on."""
    target.mkdir(parents=True)
    made = target / "made"
    command = [str(ESBUILD), *(str(SOURCES / name) for name in ENTRIES), "--bundle", "--minify", "--format=esm"]
    command += [f"--target={BROWSERS}", "--loader:.svg=copy", "--entry-names=[name]-[hash]", "--legal-comments=none"]
    command += ["--splitting", "--chunk-names=[name]-[hash]"]
    command += [f"--outdir={made}", f"--metafile={made}.json", "--log-level=warning", "--charset=utf8"]
    try:
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - all ours
    except OSError as error:
        raise BundlingFailed(
            f"The tool esbuild, which bundles the console, cannot be run ({error}). Run `npm ci` to install it."
        ) from None
    if ended.returncode:
        raise BundlingFailed(f"esbuild could not bundle the console:\n{ended.stderr}")
    outputs = json.loads(Path(f"{made}.json").read_text())["outputs"]
    page = with_documentation((SOURCES / "index.html").read_text("utf-8"), PROJECT.read_text("utf-8"))
    for path, output in outputs.items():
        file = ROOT / path
        source = output.get("entryPoint") or next(iter(output["inputs"]), "")
        if Path(source).name in ENTRIES:
            page = page.replace(f'"{Path(source).name}"', f'"console/{file.name}"')
        if Path(source).name == ENTRIES[0]:  # its parts are loaded with it, and not only once it is read
            parts = [Path(one["path"]).name for one in output["imports"] if one["kind"] == "import-statement"]
            links = "".join(f'<link rel="modulepreload" href="console/{name}">\n    ' for name in parts)
            page = page.replace('<script type="module"', f'{links}<script type="module"')
        _write(target / file.name, file.read_bytes())
    _write(target / "index.html", page.encode())
    shutil.rmtree(made)
    Path(f"{made}.json").unlink()


def with_documentation(page: str, project: str) -> str:
    """Return the page with the address of the documentation that pyproject.toml names, if any."""
    address = tomllib.loads(project)["project"].get("urls", {}).get("Documentation", "")
    return page.replace('name="documentation" content=""', f'name="documentation" content="{escape(address)}"')


def _write(path: Path, content: bytes) -> None:
    """Write the content compressed, with reproducible bytes."""
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
