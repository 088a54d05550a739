"""Mistakes around the one create call."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "A submission is claimed without a condition",
        "functions/core/records/claim.py",
        '"attribute_not_exists(#submission) AND #status = :queued"',
        '"#status = :queued"',
        noticed_by="tests/unit/test_submit.py",
    ),
    Mutant(
        "A submission is sent again when its response was lost",
        "functions/core/submit.py",
        """        except SubmissionUnknown:
            raise
""",
        """        except SubmissionUnknown:
            claim.clear()
            raise
""",
        noticed_by="tests/unit/test_submit.py",
    ),
    Mutant(
        "A call that the provider's log does not list yet counts as rejected",
        "functions/core/look_up_submission.py",
        """        pause = self.schedule.pause(age)
""",
        """        if logged is None:
            return LookedUp("unsent", 0)
        pause = self.schedule.pause(age)
""",
        noticed_by="tests/unit/test_look_up_submission.py",
    ),
    Mutant(
        "Of two concurrent lookups the later one fails the generation",
        "functions/core/look_up_submission.py",
        "            if self.ledger.get_for(run).submission is not Submission.SUBMITTED:  #",
        "            if run:  #",
        noticed_by="tests/unit/test_look_up_submission.py",
    ),
    Mutant(
        "An operator's id of a lost submission is recorded although the provider does not show it",
        "client/promptreel/operator/rescue.py",
        "    if provider_id is not None:\n        try:",
        "    if not deployment:\n        try:",
        noticed_by="tests/unit/client/test_rescue_command.py::test_an_id_that_the_provider_does_not_show_is_not_recorded",
    ),
    Mutant(
        "A stage may have a default model that it does not offer",
        "infra/config.py",
        "        self._check_models()\n",
        "",
        noticed_by="tests/infra/test_deploy.py::test_settings_that_cannot_be_deployed_are_refused",
    ),
)
