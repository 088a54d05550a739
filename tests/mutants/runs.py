"""Mistakes in how a job ends, how that is announced, and how it is rescued."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "The end of a job is recorded as announced before it is published",
        "functions/core/publish/announcer.py",
        "        first(generation)\n",
        "        first(generation)\n        ledger.announced(generation, self.accounts.closing(generation))\n",
        noticed_by="tests/functions/test_states.py::test_finalize_that_died_while_announcing_announces",
    ),
    Mutant(
        "A step of an old run continues after a rescue",
        "functions/core/records/ledger.py",
        "        if run != generation.run:\n            raise GenerationEnded(",
        "        if run != generation.run and not run:\n            raise GenerationEnded(",
        noticed_by="tests/unit/test_rescue.py",
    ),
    Mutant(
        "A write of an old run succeeds after a rescue",
        "functions/core/records/ledger.py",
        'Condition(f"({only_if.text}) AND #rescues = :run", {**only_if.values, ":run": run.rescues})',
        "Condition(only_if.text, only_if.values)",
        noticed_by="tests/unit/test_rescue.py",
    ),
    Mutant(
        "The sweep does not record how an execution ended",
        "functions/core/sweep.py",
        "                failed = fail(run, from_end(ended, run.execution), self.ledger)\n",
        "                failed = None\n",
        noticed_by="tests/unit/test_slots.py::test_a_sweep_records_an_end_whose_event_was_lost",
    ),
    Mutant(
        "A failure does not schedule the sweep's next visit",
        "functions/core/records/ledger.py",
        '"error": asdict(failure), "ended_at": self.now(), **self._watched(SOON)},',
        '"error": asdict(failure), "ended_at": self.now()},',
        noticed_by="tests/unit/test_lost_ends.py",
    ),
    Mutant(
        "A completed video does not schedule the sweep's next visit",
        "functions/core/records/ledger.py",
        '**known, "ended_at": ended_at, **self._watched(SOON)}',
        '**known, "ended_at": ended_at}',
        noticed_by="tests/unit/test_lost_ends.py",
    ),
    Mutant(
        "The sweep does not announce an end while its execution runs",
        "functions/core/sweep.py",
        "            elif ended is None:\n                self._end(generation)\n",
        "            elif ended is None:\n                return\n",
        noticed_by="tests/unit/test_lost_ends.py",
    ),
    Mutant(
        "The visit that ends a job is followed by one hours later",
        "functions/core/sweep.py",
        """        self.ledger.watch_again(generation.generation_id, min(max(age, SOON), LONGEST_PAUSE))
        self.admission.resume(generation)
""",
        """        try:
            self.admission.resume(generation)
        finally:
            self.ledger.watch_again(generation.generation_id, min(max(age, SOON), LONGEST_PAUSE))
""",
        noticed_by="tests/unit/test_lost_ends.py::test_a_job_that_the_sweep_itself_fails_is_announced_within_minutes",
    ),
    Mutant(
        "A delete ignores a later write",
        "functions/core/records/ledger.py",
        '                    "#last_write = :seen AND #rescues = :run',
        '                    "(#last_write = :seen OR #rescues = :run) AND #rescues = :run',
        noticed_by="tests/unit/test_delete.py",
    ),
    Mutant(
        "A cancelled job is an error of the function that finds it cancelled",
        "functions/wiring/ends.py",
        "        except GenerationEnded as ended:\n",
        "        except ZeroDivisionError as ended:\n",
        noticed_by="tests/functions/test_expected_ends.py",
    ),
    Mutant(
        "A cancelled job is logged as a warning",
        "functions/record_failure.py",
        "logger.info if is_expected else logger.warning",
        "logger.warning",
        noticed_by="tests/functions/test_expected_ends.py",
    ),
    Mutant(
        "A failure is logged again by the event of its execution",
        "functions/record_failure.py",
        """    if generation and generation.error and generation.announced_at:
        return
""",
        "",
        noticed_by="tests/functions/test_states.py::test_a_failure_is_recorded_logged_and_announced_once",
    ),
    Mutant(
        "A rescue does not start the workflow",
        "functions/core/rescue.py",
        "    workflow.start(generation.run)\n    return generation\n",
        "    return generation\n",
        noticed_by="tests/unit/test_rescue.py",
    ),
)
