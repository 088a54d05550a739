"""Mistakes with the slots of the provider's concurrency limit."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "The token of a waiting workflow is never answered",
        "functions/core/places/admission.py",
        "            self.stepfunctions.send_task_success(taskToken=task_token, output=json.dumps({}))\n",
        "            json.dumps(task_token)\n",
        noticed_by="tests/unit/test_places.py",
    ),
    Mutant(
        "Only the sweep frees slots",
        "functions/core/places/admission.py",
        """            if place.holder == generation_id:
                self.table.release(place)
""",
        """            if place.holder == generation_id:
                pass
""",
        noticed_by="tests/unit/test_places.py",
    ),
    Mutant(
        "A generation is granted a second slot",
        "functions/core/places/table.py",
        'only_if="#status = :queued AND attribute_not_exists(#place)"',
        'only_if="#status = :queued"',
        noticed_by="tests/unit/test_places.py",
    ),
    Mutant(
        "Cancelling a job frees its slot while the provider still works on it",
        "functions/core/places/admission.py",
        "        if not generation.at_provider:\n            self.release",
        "        if generation:\n            self.release",
        noticed_by="tests/unit/test_places.py",
    ),
    Mutant(
        "An hour's samples of held slots are added up instead of averaged",
        "functions/core/places/history.py",
        'round(item["held"] / item["looks"], 2)',
        'round(item["held"], 2)',
        noticed_by="tests/functions/test_places.py",
    ),
)
