"""Mistakes with the jobs that wait for credits."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "A rejection holds back cheaper jobs",
        "functions/core/slots/shortages.py",
        "self.cost is not None and job.cost >= self.cost",
        "self.cost is not None and job.cost >= 0",
        noticed_by="tests/unit/test_credits.py::test_a_cheaper_job_is_sent_and_if_it_is_rejected_lowers_the_cost",
    ),
    Mutant(
        "A rejection holds back the jobs of other owners at once",
        "functions/core/slots/shortages.py",
        '(is_too_dear and self.only_owner in ("", job.owner))',
        "is_too_dear",
        noticed_by="tests/unit/test_credits.py::test_a_job_of_another_owner_is_held_back_only_after_its_own_rejection",
    ),
    Mutant(
        "A job that is rejected for lack of credits keeps its slot",
        "functions/core/slots/table.py",
        '*({"Delete": self._of_slot(slot)} for slot in slots)',
        '*({"Delete": self._of_slot(slot)} for slot in slots[:0])',
        noticed_by="tests/unit/test_credits.py::test_jobs_that_are_always_rejected_take_no_slot_from_others",
    ),
    Mutant(
        "Several jobs of a model try in a minute",
        "functions/core/slots/shortages.py",
        "timedelta(seconds=self.patience.try_every)",
        "timedelta(seconds=self.patience.try_every / 10)",
        noticed_by="tests/unit/test_credits.py::test_one_job_tries_a_minute_however_often_slots_are_granted",
    ),
    Mutant(
        "A job ends for lack of credits before an hour",
        "functions/core/slots/shortages.py",
        "again >= AGAIN and now - held_since >= NOT_BEFORE",
        "again >= AGAIN",
        noticed_by="tests/unit/test_credits.py::test_a_job_ends_early_only_if_jobs_that_cost_as_much_are_accepted",
    ),
    Mutant(
        "A job ends early although no other was accepted",
        "functions/core/slots/shortages.py",
        "again >= AGAIN and now - held_since >= NOT_BEFORE",
        "now - held_since >= NOT_BEFORE",
        noticed_by="tests/unit/test_credits.py::test_a_job_ends_early_only_if_jobs_that_cost_as_much_are_accepted",
    ),
    Mutant(
        "Jobs that wait for credits do not follow the first accepted one",
        "functions/core/slots/credits.py",
        "            self._let_follow(generation.model)\n            admission.grant_slots()\n",
        "            admission.grant_slots()\n",
        noticed_by="tests/unit/test_credits.py::test_others_follow_within_seconds_of_the_first_accepted_job",
    ),
    Mutant(
        "A job that is rejected again holds back others each time",
        "functions/core/slots/credits.py",
        "        if is_again and job.rejected_again:\n",
        "        if not job.generation_id:\n",
        noticed_by="tests/unit/test_credits.py::"
        "test_a_bad_job_does_not_hold_back_the_other_jobs_of_its_owner_again_and_again",
    ),
    Mutant(
        "A job without a slot is sent",
        "functions/core/submit.py",
        "        if generation.gave_its_slot_back:\n",
        "        if generation.status.ended:\n",
        noticed_by="tests/unit/test_credits.py::test_two_invocations_at_once_send_once_and_give_one_slot_back",
    ),
    Mutant(
        "A job whose slot was given back meanwhile is sent",
        "functions/core/records/claim.py",
        '                    " AND (attribute_exists(#slot) OR attribute_not_exists(#held_since))",\n',
        ",\n",
        noticed_by="tests/unit/test_credits.py::"
        "test_an_invocation_does_not_send_a_job_whose_slot_another_one_has_given_back",
    ),
    Mutant(
        "Jobs that were granted slots before a rejection are sent",
        "functions/core/submit.py",
        "        if self.credits.holds_back(generation, shortage):\n",
        "        if generation.status.ended:\n",
        noticed_by="tests/unit/test_credits.py::test_jobs_that_were_granted_slots_before_a_rejection_are_not_sent",
    ),
    Mutant(
        "A job waits for credits for ever",
        "functions/core/slots/credits.py",
        "        for _, job in zip(range(MOST_ENDED), jobs, strict=False):\n",
        "        for _, job in zip(range(0), jobs, strict=False):\n",
        noticed_by="tests/unit/test_credits.py::test_a_job_ends_at_the_deadline_whether_it_was_tried_or_not",
    ),
)
