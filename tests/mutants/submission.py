"""Mistakes around the one create call."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "A submission is claimed without a condition",
        "functions/core/records/ledger.py",
        'only_if="attribute_not_exists(#submission) AND #status = :queued"',
        'only_if="#status = :queued"',
        noticed_by="tests/unit/test_submit.py",
    ),
    Mutant(
        "A submission is sent again when its response was lost",
        "functions/core/submit.py",
        """    except SubmissionUnknown:
        raise
""",
        """    except SubmissionUnknown:
        ledger.clear_submission(run, attempt)
        raise
""",
        noticed_by="tests/unit/test_submit.py",
    ),
    Mutant(
        "A call that the provider's log does not list yet counts as rejected",
        "functions/core/look_up_submission.py",
        """    if age >= timedelta(seconds=patience.give_up):
""",
        """    if logged is None:
        return LookedUp("unsent", 0)
    if age >= timedelta(seconds=patience.give_up):
""",
        noticed_by="tests/unit/test_look_up_submission.py",
    ),
    Mutant(
        "Of two concurrent lookups the later one fails the generation",
        "functions/core/look_up_submission.py",
        "        if ledger.get_for(run).submission is not Submission.SUBMITTED:  # else another entry was faster\n",
        "        if run:\n",
        noticed_by="tests/unit/test_look_up_submission.py",
    ),
)
