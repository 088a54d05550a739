"""Write docs/compatibility.md with the results of the clients and of the samples of the reference."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from tests.compatibility.clients import CASES, Client
from tests.compatibility.samples import Sent
from tests.compatibility.trial import Trial

HEAD = """# Compatibility

This page is for people who use another program with Promptreel.
It lists the programs that were tried, the settings to change in each, and the results.

`make compatibility` writes this page.
It installs programs of other people that use the provider's API, and points each of them at a local cloud, by configuration only.
Nothing in them is changed, and nothing of them is in this repository.
`tests/compatibility/clients.py` lists them, and `tests/compatibility/drivers/` has a program that runs each client.

A result is *works* only if all of this is true:

- the client ended without an error;
- exactly one generation was recorded, and the provider received exactly one create call;
- the generation is completed, and the video that the client got is the archived one, byte by byte;
- if the client sent a picture, it is recorded as the input.

In the case *lost answer*, the answer to the first POST is lost, and the client sends the POST again.

## Clients
"""

AFTER = """
## Not in the list

- LiteLLM and `aimlapi-haystack` use this provider only for text or images.
- OpenClaw's plugin for this provider is not in the npm registry, and has the host of its video calls in its code.
"""

SAMPLES = "## Samples of the provider's reference\n"
LIMITS = "\n## Limits\n\nThe provider is the simulator, and AWS is the local cloud.\n"
NOT_SENT = "They were not sent. Run `make compatibility SOURCE=<a checkout of aimlapi/api-docs>`.\n"


def report(trials: Sequence[Trial], sent: Sent | None, before: str) -> str:
    """Return the page, in Markdown. Without `sent`, the section on samples is the one of the page `before`."""
    samples_before = before.partition(SAMPLES)[2].partition(LIMITS)[0]
    samples = "\n".join(_samples(sent)) + "\n" if sent else samples_before or f"\n{NOT_SENT}"
    return "\n".join([HEAD, *_clients(trials), AFTER, SAMPLES]) + samples + LIMITS


def _clients(trials: Sequence[Trial]) -> Iterator[str]:
    yield f"| client | version | language | changed | {' | '.join(CASES)} |"
    yield "|---|---|---|---|" + "---|" * len(CASES)
    notes = list[str]()
    for client, its in groupby(trials, lambda trial: trial.client):
        results = {trial.case: str(trial) for trial in its}
        cells = [client.version, client.language, client.changed, *(results.get(case, "-") for case in CASES)]
        yield f"| {_name(client)}, {client.does} | {' | '.join(cells)} |"
        notes += _notes(client, results)
    if broken := [trial for trial in trials if trial.problems and not trial.client.fault]:
        yield f"\nFaults of Promptreel until they are explained: {len(broken)}."
    yield "\nNotes:\n"
    yield from notes


def _notes(client: Client, results: Mapping[str, str]) -> Iterator[str]:
    of = f"- {client.name} ({client.language})"
    if not client.keeps_path:
        yield f"{of} drops the path of its base URL, so it needs the API at the root of a host. On AWS the API has its own host; the local cloud also offers it at the root of its own."
    if client.faked:
        yield f"{of}: {client.faked}."
    for case, reason in client.lacks.items():
        yield f"{of}, {case}: {reason}."
    if client.fault and any(result != "works" for result in results.values()):
        yield f"{of}: {client.fault}."


def _name(client: Client) -> str:
    return f"[{client.name}]({client.repository.url})" if client.repository else client.name


def _samples(sent: Sent) -> Iterator[str]:
    samples = sent.samples
    yield f"\nThe reference has {samples.programs} programs and documents with {len(samples.found)} different sample requests."
    yield f"Each was sent to its own path, and {sent.accepted} were accepted.\n"
    yield f"- Rejected, because the reference itself forbids the value or requires another field: {len(sent.forbidden)}."
    yield f"- Rejected for another reason, which would be a fault of Promptreel: {len(sent.ours)}."
    yield f"- Programs without a whole request, which only fetch a video or use a variable: {len(samples.empty)}."
    yield f"- Programs and documents with a syntax error: {len(samples.unreadable)} (in {_files(samples.unreadable)})."
    for title, rejected in (("Rejected by the reference", sent.forbidden), ("Rejected by Promptreel", sent.ours)):
        if rejected:
            yield f"\n| {title}: the sample in | the API's answer |\n|---|---|"
            yield from (f"| `{sample.file}` | {message.replace('|', '/')} |" for sample, message in rejected)


def _files(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(set(names)))
