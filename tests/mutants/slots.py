"""Mistakes with the slots of the provider's concurrency limit."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "The token of a waiting workflow is never answered",
        "functions/core/slots/admission.py",
        "            self.stepfunctions.send_task_success(taskToken=task_token, output=json.dumps({}))\n",
        "            json.dumps(task_token)\n",
        noticed_by="tests/unit/test_slots.py::test_the_limit_is_kept_and_the_next_job_is_admitted_when_one_ends",
    ),
    Mutant(
        "Only the sweep frees slots",
        "functions/core/slots/admission.py",
        """(until is None or slot.since <= until):
                    self.table.release(slot)
""",
        """(until is None or slot.since <= until):
                    pass
""",
        noticed_by="tests/unit/test_slots.py::test_the_limit_is_kept_and_the_next_job_is_admitted_when_one_ends",
    ),
    Mutant(
        "A generation is granted a second slot",
        "functions/core/slots/table.py",
        '"#status = :queued AND attribute_not_exists(#slot)"',
        '"#status = :queued"',
        noticed_by="tests/unit/test_slots.py::test_a_generation_is_not_given_a_second_slot",
    ),
    Mutant(
        "Cancelling a job frees its slot while the provider still works on it",
        "functions/core/slots/admission.py",
        "        if not generation.at_provider:\n            self.release",
        "        if generation:\n            self.release",
        noticed_by="tests/unit/test_slots.py::test_a_slot_is_free_only_when_the_provider_is_done",
    ),
    Mutant(
        "A slot is not freed if a lower limit moved its job",
        "functions/core/slots/admission.py",
        "number is None or not self.table.release_number(number, generation_id)",
        "number is None or self.table.release_number(number, generation_id)",
        noticed_by="tests/unit/test_slots.py::test_a_slot_whose_job_was_moved_is_freed",
    ),
    Mutant(
        "An owner gets another slot before all owners without one were read",
        "functions/core/slots/view.py",
        "is_certain = self.is_whole or not self._slots[owner]",
        "is_certain = True",
        noticed_by="tests/unit/test_slots_view.py",
    ),
    Mutant(
        "Jobs that are granted slots together are not woken",
        "functions/core/slots/admission.py",
        "                self._wake_all(choice.jobs)\n",
        "",
        noticed_by="tests/unit/test_slots.py::test_slots_granted_together_are_shared_as_if_granted_one_by_one",
    ),
    Mutant(
        "A caller forgets who asked the caller before it, which died, for another run",
        "functions/core/slots/table.py",
        'REMOVE again" if done else ""',
        'REMOVE again" if done else " REMOVE again"',
        noticed_by="tests/unit/test_slots.py::test_a_job_that_asked_a_caller_that_died_gets_a_slot_from_the_next_one",
    ),
    Mutant(
        "A caller that renews its lease does not read the queue again",
        "functions/core/slots/admission.py",
        "seen.queue, seen.shortages = None, self.shortages.every()",
        "seen.shortages = self.shortages.every()",
        noticed_by="tests/unit/test_slots.py::test_a_job_that_arrives_while_a_lease_is_renewed_gets_a_slot",
    ),
    Mutant(
        "An hour's samples of held slots are added up instead of averaged",
        "functions/core/slots/history.py",
        'round(item["held"] / item["samples"], 2)',
        'round(item["held"], 2)',
        noticed_by="tests/functions/test_slots.py::test_the_sweep_samples_slots_and_seven_days_of_means_are_shown",
    ),
)
