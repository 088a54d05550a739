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
)
