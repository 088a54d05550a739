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
        "The sweep does not ask how an execution ended",
        "functions/core/sweep.py",
        "            if not generation.status.ended:\n                failure = from_end",
        "            if not generation:\n                failure = from_end",
        noticed_by="tests/unit/test_slots.py::test_a_sweep_records_an_end_whose_event_was_lost",
    ),
    Mutant(
        "A rescue does not start the workflow",
        "functions/core/rescue.py",
        "    workflow.start(generation.run)\n    return generation\n",
        "    return generation\n",
        noticed_by="tests/unit/test_rescue.py",
    ),
)
