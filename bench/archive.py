"""Compare archiving a video with every other way to bring one into S3: `python -m bench.archive [--quick]`.

Each run is a fresh process (archive_peers.py) between a host of videos and an S3 that discards its uploads
(archive_servers.py). Each server is a separate process, and all connections use TLS. The ways alternate within a round,
so that other load on the machine affects all of them equally.
"""

import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trustme

from bench.report import Row, Section, Spread

ROOT = Path(__file__).parents[1]
MIB, GIB = 1 << 20, 1 << 30
OF_THE_PEERS = {"smart_open", "s3fs", "crt", "curl_aws"}  # in an environment of their own, since they pin botocore
PEERS = ("naive", "upload_fileobj", "smart_open", "s3fs", "temp_file", "crt", "curl_aws")
NAMES = {
    "promptreel": "**Promptreel**",
    "promptreel, 4": "**Promptreel**, at most 4 connections",
    "naive": "`requests.get().content`, `put_object`",
    "upload_fileobj": "`upload_fileobj(response.raw)`",
    "smart_open": "smart_open",
    "s3fs": "s3fs",
    "temp_file": "temporary file, `upload_file`",
    "crt": "`upload_fileobj`, CRT",
    "curl_aws": "`curl \\| aws s3 cp -`",
    "curl": "`curl \\| curl -T -`",
}


@dataclass(frozen=True)
class Case:
    """One video from one host, archived in several ways, `rounds` times. `once` is measured in the first round only."""

    name: str
    path: str
    ways: tuple[str, ...]
    once: tuple[str, ...] = ()
    rounds: int = 3
    variables: dict[str, str] = field(default_factory=dict)  # of the process; bench.archive_peers reads them


SMALL = {  # cases, and targets relative to `curl | curl`
    "no ranges": 1.05,
    "2 MiB": 1.1,
    "8 MiB": 1.1,
    "2 MiB, in a process that has archived before": 1.1,
    "8 MiB, in a process that has archived before": 1.1,
}
MEMORY_TARGET = 68  # MiB: 8 buffers of 8 MiB, and 4 MiB
LIMITED = "rate=20000000&delay=0.03"
CASES = (
    Case("limited", f"{256 * MIB}?{LIMITED}", ("promptreel", "promptreel, 4", "upload_fileobj"), (*PEERS, "curl")),
    Case("no ranges", f"{256 * MIB}?rate=50000000&delay=0.03&ranges=0", ("promptreel", "curl")),
    Case("fast", f"{GIB}", ("promptreel", "crt", "curl", "upload_fileobj"), PEERS),
    # A Lambda function of 1,769 MB has one core. The servers have the others.
    Case("one core", f"{GIB}", ("promptreel", "crt", "curl", "upload_fileobj"), variables={"ON_ONE_CORE": "1"}),
    *(
        Case(f"{size} MiB{after}", f"{size * MIB}", ("promptreel", "curl", "upload_fileobj", "naive"), (), 7, variables)
        for after, variables in (("", {}), (", in a process that has archived before", {"AFTER_ANOTHER": "1"}))
        for size in (2, 8)
    ),
    Case("memory, 64 MiB", f"{64 * MIB}", ("promptreel",)),
    Case("memory, 4 GiB", f"{4 * GIB}", ("promptreel",), rounds=1),
)


def measure(quick: bool) -> dict[str, Any]:
    """Return, for each case and way, wall and CPU time in seconds and memory above the idle process in MiB."""
    with servers() as (host, s3, environment):
        measured = {
            case.name: _measured(case, host, s3, environment) for case in (map(_quick, CASES) if quick else CASES)
        }
    return {**measured, "hashing": _hashing()}


def _hashing() -> float:
    """Return the CPU seconds per GiB of SHA-256 and CRC32, which curl does not compute."""
    block = bytes(64 * MIB)
    began = time.process_time()
    hashlib.sha256(block)
    zlib.crc32(block)
    return (time.process_time() - began) * GIB / len(block)


def _quick(case: Case) -> Case:
    path = case.path.replace(str(GIB), str(256 * MIB)).replace(str(4 * GIB), str(512 * MIB))
    if case.name == "limited":
        path = path.replace(str(256 * MIB), str(64 * MIB))
    return replace(case, path=path, once=(), rounds=max(1, case.rounds // 3))


def _measured(case: Case, host: str, s3: str, environment: dict[str, str]) -> dict[str, Any]:
    runs: dict[str, list[dict[str, float]]] = {}
    for number in range(case.rounds):
        others = tuple(way for way in case.once if way not in case.ways) if number == 0 else ()
        for way in (*case.ways, *others):
            runs.setdefault(way, []).append(_run(way, f"{host}/{case.path}", s3, environment | case.variables))
    figures = {
        way: {
            kind: {
                "median": statistics.median(run[kind] for run in done),
                "lowest": min(run[kind] for run in done),
                "highest": max(run[kind] for run in done),
            }
            for kind in ("wall", "cpu", "memory")
        }
        for way, done in runs.items()
    }
    return {"bytes": int(case.path.partition("?")[0]), "rounds": case.rounds, "ways": figures}


def _run(way: str, url: str, s3: str, environment: dict[str, str]) -> dict[str, float]:
    name, _, most = way.partition(", ")
    python = ROOT / (".venv/bench" if name in OF_THE_PEERS else ".venv") / "bin" / "python"
    done = subprocess.run(
        [python, "-m", "bench.archive_peers", name, url, s3],
        env=environment | ({"MOST_CONNECTIONS": most} if most else {}),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    told: dict[str, float] = json.loads(done.stdout)
    return told


@contextmanager
def servers() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Start the host of videos and the S3 that discards uploads, and yield an environment that trusts both."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
        environment = {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            "PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            **dict.fromkeys(("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), str(folder / "ca.pem")),
        }
        with subprocess.Popen(
            [sys.executable, "-m", "bench.archive_servers", str(folder / "server.pem")],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            ports = process.stdout.readline().split() if process.stdout else []
            host, s3 = (f"https://127.0.0.1:{port}" for port in ports)
            try:
                yield host, s3, environment
            finally:
                process.terminate()


def _of(results: dict[str, Any], case: str, way: str, kind: str = "wall") -> float:
    return float(results[case]["ways"][way][kind]["median"])


def _spread(results: dict[str, Any], case: str, way: str, kind: str = "wall") -> Spread:
    return Spread(**results[case]["ways"][way][kind])


def _ratio(results: dict[str, Any], case: str, way: str) -> Spread:
    """Return how many times as long as `curl | curl` this way took."""
    return _spread(results, case, way) / _of(results, case, "curl")


def _cpu(results: dict[str, Any], case: str, way: str) -> Spread:
    """Return the CPU seconds per GiB."""
    gib: float = results[case]["bytes"] / GIB
    return _spread(results, case, way, "cpu") / gib


def _times(results: dict[str, Any], way: str) -> Spread:
    """Return the speed relative to `upload_fileobj` at the host that limits each connection."""
    base, wall = _of(results, "limited", "upload_fileobj"), _spread(results, "limited", way)
    return Spread(base / wall.median, base / wall.highest, base / wall.lowest)


def _shown(spread: Spread) -> str:
    return f"{spread.median:.2f} [{spread.lowest:.2f}..{spread.highest:.2f}]"


def _row(way: str, *cells: str) -> str:
    return f"| {NAMES[way]} | {' | '.join(cells)} |"


def section(results: dict[str, Any]) -> Section:
    """Return this part of docs/performance.md."""
    size = f"{results['fast']['bytes'] // MIB:,} MiB"
    limited = f"{results['limited']['bytes'] // MIB} MiB from a host that limits each connection to 20 MB/s"
    large = next(name for name in reversed(results) if name.startswith("memory"))
    hashing = (
        f"The host, S3 and the client share the {os.cpu_count()} cores of this machine, and {results['hashing']:.2f} s "
        "of CPU per GiB are SHA-256 and CRC32, which verify the video."
    )
    fresh = "A fresh process loads certificates and prepares the first call of boto3."
    checked = "The only PUT begins when all bytes are checked, because S3 must never show an unchecked video."
    threads = (
        "CRT uploads in threads of C while Python reads, and Python's own threads share a lock. The function that "
        "archives has less than one core."
    )
    rows = [
        Row(
            f"{limited}: times as fast as `upload_fileobj`",
            _times(results, "promptreel"),
            _best(results, "limited", partial(_times, results), max),
            4.4,
            is_more_better=True,
        ),
        Row(
            "the same with at most 4 connections",
            _times(results, "promptreel, 4"),
            _best(results, "limited", partial(_times, results), max),
            2.4,
            is_more_better=True,
        ),
    ]
    for case, where in (("fast", f"{size} from a fast host"), ("one core", "the same on one core, as in a function")):
        rows += [
            Row(
                f"{where}: wall time ÷ `curl \\| curl`",
                _ratio(results, case, "promptreel"),
                _best(results, case, partial(_ratio, results, case)),
                because=threads if case == "fast" else hashing,
            ),
            Row(
                f"{where}: CPU seconds per GiB",
                _cpu(results, case, "promptreel"),
                _best(results, case, partial(_cpu, results, case)),
                because=threads if case == "fast" else hashing,
            ),
        ]
    rows += [
        Row(
            f"{case}: wall time ÷ `curl \\| curl`",
            _ratio(results, case, "promptreel"),
            _best(results, case, partial(_ratio, results, case)),
            target,
            checked if "before" in case else f"{checked} {fresh}" if "MiB" in case else hashing,
        )
        for case, target in SMALL.items()
    ]
    rows.append(
        Row(
            f"MiB of memory above the idle process for {results[large]['bytes'] / GIB:g} GiB (the peers': for {size})",
            _spread(results, large, "promptreel", "memory"),
            _best(results, "fast", lambda way: _spread(results, "fast", way, "memory")),
            MEMORY_TARGET,
            "It is the 8 MiB buffers that keep several connections busy, and does not grow with the video.",
            digits=0,
        )
    )
    text = (
        "Each run is a new process that reads a video over TLS and writes it to an S3 that discards it.",
        "All ways except `curl` hash with SHA-256; `curl | curl` is the floor.",
    )
    return Section("Archiving a video", text, tuple(rows))


def _best(
    results: dict[str, Any], case: str, figure: Callable[[str], Spread], choose: Callable[..., str] = min
) -> tuple[str, Spread] | None:
    """Return the name and the figure of the best peer, not counting the floor.

    The memory of programs is not measured, so a peer that starts some does not count.
    """
    peers = [way for way in results[case]["ways"] if way in PEERS and way != "curl_aws"]
    if not peers:
        return None
    best = choose(peers, key=lambda way: figure(way).median)
    return NAMES[best], figure(best)


def page(results: dict[str, Any]) -> str:
    """Return all tables."""
    limited = results["limited"]["ways"]
    memory = {way: "-" if way.startswith("curl") else f"{limited[way]['memory']['median']:.0f}" for way in limited}

    lines = [
        "# Archiving a video",
        "",
        "Each run is a new process that reads from a host of videos and writes to an S3 that discards its",
        "uploads. Both servers are separate processes (`bench/archive_servers.py`, with threads and TLS). All run",
        "on one machine, whose cores limit the fast ways. All ways except `curl` hash with SHA-256. Memory is the",
        "peak above the idle process, in MiB. CPU is the time of the process and of the processes that it starts.",
        "",
        f"## A host that limits each connection (20 MB/s, 30 ms), {results['limited']['bytes'] // MIB} MiB",
        "",
        "| way | times as fast as `upload_fileobj` | target | memory |",
        "|---|---|---|---|",
    ]
    targets = {"promptreel": "4.4", "promptreel, 4": "2.4"}
    lines += [_row(way, _shown(_times(results, way)), targets.get(way, ""), memory[way]) for way in limited]
    lines += [
        "",
        f"## A fast host, {results['fast']['bytes'] // MIB} MiB",
        "",
        *_of_the_fast_host(results, "fast"),
        f"{results['hashing']:.2f} s/GiB of the CPU time are SHA-256 and CRC32, which `curl` does not compute.",
        "",
        f"## The same with one core for the client, {results['one core']['bytes'] // MIB} MiB",
        "",
        *_of_the_fast_host(results, "one core"),
        "## A host without ranges, and small videos",
        "",
        "| | wall ÷ `curl \\| curl` | target | `upload_fileobj` | `put_object` |",
        "|---|---|---|---|---|",
    ]
    for case, target in SMALL.items():
        others = [
            _shown(_ratio(results, case, way)) if way in results[case]["ways"] else ""
            for way in ("promptreel", "upload_fileobj", "naive")
        ]
        lines.append(f"| {case} | {others[0]} | {target} | {others[1]} | {others[2]} |")
    lines += [
        "",
        "## Memory",
        "",
        "| video | peak above idle, MiB |",
        "|---|---|",
        *[
            f"| {results[case]['bytes'] // MIB} MiB | {_of(results, case, 'promptreel', 'memory'):.0f} |"
            for case in results
            if case.startswith("memory")
        ],
        "",
        f"The limit is {MEMORY_TARGET} MiB: 8 buffers of 8 MiB, and 4 MiB. The number of buffers depends on the host.",
        "",
    ]
    return "\n".join(lines)


def _of_the_fast_host(results: dict[str, Any], case: str) -> list[str]:
    ways = results[case]["ways"]
    memory = {way: "-" if way.startswith("curl") else f"{ways[way]['memory']['median']:.0f}" for way in ways}
    return [
        "| way | wall ÷ `curl \\| curl` | CPU s/GiB | memory |",
        "|---|---|---|---|",
        *[_row(way, *map(_shown, (_ratio(results, case, way), _cpu(results, case, way))), memory[way]) for way in ways],
        "",
    ]


def plots(results: dict[str, Any], folder: Path) -> list[Path]:
    """Draw the memory against the time of every way at the host that limits each connection."""
    import matplotlib as mpl  # noqa: PLC0415 - only who draws needs it
    from matplotlib.figure import Figure  # noqa: PLC0415

    mpl.rcParams["svg.hashsalt"] = "promptreel"  # the same results draw the same file

    grey = "#808080"  # legible on white and on black
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    for way, figures in results["limited"]["ways"].items():
        if way.startswith("curl"):
            continue
        ours = way.startswith("promptreel")
        at = figures["wall"]["median"], max(figures["memory"]["median"], 1)
        axes.scatter(*at, color="#e07b00" if ours else grey)
        axes.annotate(way, at, xytext=(6, 3), textcoords="offset points", color="#e07b00" if ours else grey)
    axes.set_yscale("log")
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds", color=grey)
    axes.set_ylabel("memory above idle, MiB", color=grey)
    axes.set_title(f"{results['limited']['bytes'] // MIB} MiB at 20 MB/s a connection", color=grey)
    axes.tick_params(colors=grey, which="both")
    for spine in axes.spines.values():
        spine.set_color(grey)
    path = folder / "archive.svg"
    figure.savefig(path, metadata={"Date": None})
    return [path]


if __name__ == "__main__":
    found = measure("--quick" in sys.argv)
    sys.stdout.write(page(found) + "\n" + json.dumps(found) + "\n")
