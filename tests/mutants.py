"""`python -m tests.mutants`: breaks the code in one place after another and shows which test notices.

Each mutant is a mistake that somebody could make: a green suite beside it would prove nothing. The tests run on a copy.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
CORE = Path("functions/core")
FILES = ["pyproject.toml", "README.md"]
COPIED = [
    "bench",
    "catalogue",
    "client",
    "console",
    "docs",
    "functions",
    "infra",
    "local",
    "requirements",
    "statemachine",
    "tests",
    "app.py",
    "node_modules",  # the library of the console
    "pyproject.toml",
    "README.md",
]
PYTEST = ["-m", "pytest", "-x", "-q", "-n", "2", "-p", "no:cacheprovider", "tests/unit", "tests/functions"]


@dataclass(frozen=True)
class Mutant:
    """A mistake: one text of a file in place of another."""

    name: str
    file: Path
    old: str
    new: str

    def apply(self, root: Path) -> None:
        """Make the mistake in the copy there."""
        path = root / self.file
        text = path.read_text()
        if text.count(self.old) != 1:
            sys.exit(f"{self.name}: {self.file} holds this {text.count(self.old)} times, not once:\n{self.old}")
        path.write_text(text.replace(self.old, self.new))


MUTANTS = [
    Mutant(
        "an end is recorded as announced before it is published",
        CORE / "publish/announcer.py",
        "        first(generation)\n",
        "        first(generation)\n        ledger.announced(generation, *self.accounts.settle(generation))\n",
    ),
    Mutant(
        "a generation is recorded as completed before its video is archived",
        CORE / "finalize.py",
        "        video = _store(generation, ledger, provider, archive, seconds_left)\n",
        """        if generation.status is Status.ARCHIVING:
            key = f"videos/{run.generation_id}/video.mp4"
            too_early = ArchivedVideo(archive.objects.bucket, key, f"s3://{key}", "video/mp4", "video.mp4", 1, "")
            ledger.complete(run, too_early, ledger.now())
        video = _store(generation, ledger, provider, archive, seconds_left)
""",
    ),
    Mutant(
        "the token of a waiting workflow is never answered",
        CORE / "places/admission.py",
        "            self.stepfunctions.send_task_success(taskToken=task_token, output=json.dumps({}))\n",
        "            json.dumps(task_token)\n",
    ),
    Mutant(
        "only the sweep gives places back",
        CORE / "places/admission.py",
        """            if place.holder == generation_id:
                self.table.release(place)
""",
        """            if place.holder == generation_id:
                pass
""",
    ),
    Mutant(
        "a submission is claimed without a condition",
        CORE / "records/ledger.py",
        'only_if="attribute_not_exists(#submission) AND #status = :queued"',
        'only_if="#status = :queued"',
    ),
    Mutant(
        "a submission whose answer was lost is sent again",
        CORE / "submit.py",
        """    except SubmissionUnknown:
        raise
""",
        """    except SubmissionUnknown:
        ledger.clear_submission(run, attempt)
        raise
""",
    ),
    Mutant(
        "what the provider's log does not list yet is taken for not accepted",
        CORE / "look_up_submission.py",
        """    if age >= timedelta(seconds=patience.give_up):
""",
        """    if logged is None:
        return LookedUp("unsent", 0)
    if age >= timedelta(seconds=patience.give_up):
""",
    ),
    Mutant(
        "a step of an old run goes on after a rescue",
        CORE / "records/ledger.py",
        "        if run.rescues not in (None, generation.rescues):\n            raise GenerationEnded(",
        "        if run.rescues not in (None, generation.rescues) and not run:\n            raise GenerationEnded(",
    ),
    Mutant(
        "what an old run writes counts after a rescue",
        CORE / "records/ledger.py",
        "        if run.rescues is not None:\n            only_if, values",
        "        if run.rescues is not None and not run:\n            only_if, values",
    ),
    Mutant(
        "a second upload replaces an archived video",
        CORE / "archive/multipart.py",
        '            IfNoneMatch="*",\n',
        "",
    ),
    Mutant(
        "a second put replaces an archived video",
        CORE / "archive/store.py",
        '                IfNoneMatch="*",\n',
        "",
    ),
    Mutant(
        "parts of two videos are put together",
        CORE / "archive/source.py",
        "        if _validator(response) not in (None, found.validator):\n",
        "        if not found.validator:\n",
    ),
    Mutant(
        "a part that arrives early is checked early",
        CORE / "archive/transfer.py",
        "self._failure or self._passed == first)",
        "self._failure or self._passed <= first)",
    ),
    Mutant(
        "what another entry kept is not compared with what is there now",
        CORE / "archive/store.py",
        "            if before and (before.length, before.validator) != (found.length, found.validator):\n",
        "            if before and found.length is None:\n",
    ),
    Mutant(
        "an upload is completed before it is checked",
        CORE / "archive/store.py",
        "            check.finish(found.length or order.file_size)\n",
        "            upload.complete()\n            check.finish(found.length or order.file_size)\n",
    ),
    Mutant(
        "a video that is cut off is archived",
        CORE / "archive/mp4.py",
        "        if (self._left and not self._open_ended) or self._header:\n",
        "        if not self.position:\n",
    ),
    Mutant(
        "a WebM that is cut off is archived",
        CORE / "archive/webm.py",
        "        if self._left or self._header or any(end not in (None, self.position) for end in self._ends):\n",
        "        if not self.position:\n",
    ),
    Mutant(
        "an element of a WebM may be larger than what it is in",
        CORE / "archive/webm.py",
        "        if limit is not None and (self.position if end is None else end) > limit:\n",
        "        if limit is None and first < 0:\n",
    ),
    Mutant(
        "what another release kept is gone on with",
        CORE / "archive/store.py",
        "            if before and Check(allowed, before.structure).size == before.size:\n",
        "            if before:\n",
    ),
    Mutant(
        "the link of a video may lead anywhere",
        CORE / "archive/download.py",
        '    if not any(_is(parts.hostname or "", host) for host in allowed.hosts):\n',
        "    if not parts.hostname:\n",
    ),
    Mutant(
        "a generation is given a second place",
        CORE / "places/table.py",
        'only_if="#status = :queued AND attribute_not_exists(#place)"',
        'only_if="#status = :queued"',
    ),
    Mutant(
        "cancelling gives the place back while the provider works",
        CORE / "places/admission.py",
        "        if not generation.at_provider:\n            self.release",
        "        if generation:\n            self.release",
    ),
    Mutant(
        "the sweep does not ask what became of an execution",
        CORE / "sweep.py",
        "            if not generation.status.ended:\n                failure = from_end",
        "            if not generation:\n                failure = from_end",
    ),
    Mutant(
        "of two charges for one generation only those under one id of the provider's count",
        CORE / "money/books.py",
        """                    (SELECT own.generation_id FROM calls JOIN own USING (generation_id)
                        WHERE calls.reference = charges.reference),
""",
        "                    NULL,\n",
    ),
    Mutant(
        "a charge that may still come is told as missing",
        CORE / "money/reconcile.py",
        "is_waiting = own.done_at is not None and self.now() < own.done_at + self.late",
        "is_waiting = False",
    ),
    Mutant(
        "nothing of what a deleted generation cost is kept",
        CORE / "records/ledger.py",
        "stays = SUBMISSION if generation.at_provider else CHARGED",
        "stays = SUBMISSION if generation.at_provider else ()",
    ),
    Mutant(
        "a rescue does not start the workflow",
        CORE / "rescue.py",
        "    workflow.start(generation.run)\n    return generation\n",
        "    return generation\n",
    ),
    Mutant(
        "a video that was archived while its generation was deleted stays",
        CORE / "finalize.py",
        "                archive.objects.remove(run.generation_id)\n",
        "                pass\n",
    ),
    Mutant(
        "of two looks at once the later one ends the generation",
        CORE / "look_up_submission.py",
        "        if ledger.get_for(run).submission is not Submission.SUBMITTED:  # else another entry was faster\n",
        "        if run:\n",
    ),
    Mutant(
        "a completed generation's record is stored after its end",
        CORE / "finalize.py",
        """    _store_record(completed, archive)
    try:
        ledger.complete(generation.run, video, now)
""",
        """    try:
        ledger.complete(generation.run, video, now)
        _store_record(completed, archive)
""",
    ),
    Mutant(
        "everybody sees every generation",
        CORE / "api/generations.py",
        "        if generation.owner != owner:\n",
        "        if not generation.owner:\n",
    ),
    Mutant(
        "a check that stays does not read the record again",
        CORE / "check_status.py",
        """        while True:
            generation = self.ledger.get_for(run)
""",
        """        generation = self.ledger.get_for(run)
        while True:
""",
    ),
    Mutant(
        "a check stays as long as it likes",
        CORE / "provider/polling.py",
        "pause <= TURN_SECONDS and stayed + pause <= self.stay",
        "pause <= TURN_SECONDS",
    ),
    Mutant(
        "what the first look finds done is taken to have been done just now",
        CORE / "provider/polling.py",
        "SOONER = 0.8",
        "SOONER = 1.0",
    ),
    Mutant(
        "what was done while looks failed is taken for slow",
        CORE / "provider/polling.py",
        "if age - self.age > self.pause + LATE_SECONDS:",
        "if age < self.age:",
    ),
    Mutant(
        "a fault of the table in which times are noted ends the job",
        CORE / "provider/generation_times.py",
        """        except (BotoCoreError, ClientError) as error:
            logger.warning("the time of""",
        """        except KeyError as error:
            logger.warning("the time of""",
    ),
    Mutant(
        "a budget that has no room refuses nothing",
        CORE / "money/budgets.py",
        "        if refusal := budget.refusal(credits_):\n",
        "        if (refusal := budget.refusal(credits_)) and not budget.scope:\n",
    ),
    Mutant(
        "room that is taken while it is looked for counts as room",
        CORE / "money/budgets.py",
        '*(f"{name} <= :{name}" for name in bounds)',
        '*(f"{name} <= :{name} OR {name} > :{name}" for name in bounds)',
    ),
    Mutant(
        "what was not spent stays held",
        CORE / "money/budgets.py",
        "        difference = charged - cost.held\n",
        "        difference = max(0, charged - cost.held)\n",
    ),
    Mutant(
        "an end is counted as often as it is announced",
        CORE / "records/ledger.py",
        "AND #rescues = :run AND attribute_not_exists(#announced_at)",
        "AND #rescues = :run",
    ),
    Mutant(
        "a generation that is rescued is counted twice",
        CORE / "money/usage.py",
        "        was, is_ = _numbers(before), _numbers(now)\n",
        "        was, is_ = {}, _numbers(now)\n",
    ),
    Mutant(
        "a generation that is rescued keeps its error in the sums",
        CORE / "money/usage.py",
        "for name in {**was, **is_} if",
        "for name in is_ if",
    ),
    Mutant(
        "an owner is told of others' keys",
        CORE / "api/keys.py",
        'if record["owner"] == owner and (request.scope == ALL or key_id == request.key_id)',
        "if request.scope == ALL or key_id == request.key_id",
    ),
    Mutant(
        "a key that only reads is told of all its owner's keys",
        CORE / "api/keys.py",
        "(request.scope == ALL or key_id == request.key_id)",
        "(request.scope or key_id == request.key_id)",
    ),
    Mutant(
        "an hour's looks are added up and not their mean",
        CORE / "places/history.py",
        'round(item["held"] / item["looks"], 2)',
        'round(item["held"], 2)',
    ),
    Mutant(
        "while the provider is out of credits every job tries",
        CORE / "submit.py",
        "    if since and not circuit.may_probe():\n",
        "    if since and circuit.probe_seconds < 0:\n",
    ),
    Mutant(
        "the circuit stays open when there are credits again",
        CORE / "submit.py",
        "    if since:\n        circuit.close()\n",
        "",
    ),
    Mutant(
        "a price is applied although several variants fit",
        CORE / "money/prices.py",
        "    return found if len(found) == 1 else None\n",
        "    return found[:1] or None\n",
    ),
    Mutant(
        "what a batch begins counts against no key",
        CORE / "intake/batches.py",
        "                key_id=content.key_id,\n",
        "",
    ),
    Mutant(
        "what waits is sent although its budget was passed",
        CORE / "submit.py",
        "    budgets.check(generation.cost, generation.owner)\n",
        "",
    ),
    Mutant(
        "a price of zero is believed",
        CORE / "money/prices.py",
        "if total is None or not 0 < total",
        "if total is None or not 0 <= total",
    ),
    Mutant(
        "a webhook's attempt is claimed before it is due",
        CORE / "webhooks/records.py",
        ' AND #due_at <= :now"',
        ' AND (#due_at <= :now OR #due_at > :now)"',
    ),
    Mutant(
        "a webhook's attempt that fails late gives up the one after it",
        CORE / "webhooks/records.py",
        'only_if="#status = :pending AND #attempts = :own"',
        'only_if="#status = :pending AND #attempts >= :own"',
    ),
    Mutant(
        "after a rotation webhooks are signed with the latest secret alone",
        CORE / "webhooks/records.py",
        "self.latest - len(self.changed_at) - 1, -1",
        "self.latest - 1, -1",
    ),
]


def red_test(mutant: Mutant | None) -> str | None:
    """The first test that fails beside the mutant, or without one; None if all pass."""
    with TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            if name == "node_modules":
                (copy / name).symlink_to(ROOT / name)
            elif (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, copy / name)
        if mutant:
            mutant.apply(copy)
        env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        for which in ("not exhaustive", "exhaustive"):
            command = [sys.executable, *PYTEST, "-m", which]
            ran = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True, check=False)
            if ran.returncode:
                break
        else:
            return None
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", ran.stdout, re.MULTILINE)
    return failed[1] if failed else (ran.stdout + ran.stderr)[-2000:]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", default=[""], help="only the mutants whose name holds one of these")
    wanted = parser.parse_args().names
    if failed := red_test(None):
        sys.exit(f"The tests fail without a mutant: {failed}")
    survivors = 0
    for mutant in MUTANTS:
        if any(name in mutant.name for name in wanted):
            failed = red_test(mutant)
            survivors += failed is None
            print(f"{'red  ' if failed else 'GREEN'}  {mutant.name}\n         {failed or ''}", flush=True)  # noqa: T201
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
