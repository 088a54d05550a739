"""Mistakes in the facts and the posters of videos."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "The number of boxes in a header is not limited",
        "functions/core/archive/facts.py",
        """    at = 0
    for _ in range(_MOST_PARTS):
        if at + 8 > len(data):
            return
""",
        """    at = 0
    while at < len(data):
""",
        noticed_by="tests/unit/test_facts.py::test_only_the_first_thousand_boxes_and_elements_are_read",
    ),
    Mutant(
        "A header of any size is held in memory",
        "functions/core/archive/structure.py",
        "        if self._left <= MOST_HEADERS:\n",
        "        if self._left:\n",
        noticed_by="tests/unit/test_facts.py::test_headers_above_the_limit_are_not_held_in_memory",
    ),
    Mutant(
        "The process that draws a poster has the function's credentials",
        "functions/core/posters/posters.py",
        "                    env=environment,\n",
        "                    env={**os.environ, **environment},\n",
        noticed_by="tests/unit/test_posters.py::test_the_process_that_draws_sees_packages_but_no_credentials",
    ),
    Mutant(
        "A poster outlives its video",
        "functions/core/posters/posters.py",
        '            Tagging=urlencode({tag["Key"]: tag["Value"] for tag in tags}),\n',
        "",
        noticed_by="tests/unit/test_posters.py::test_a_poster_is_stored_next_to_its_video_with_the_tags_of_the_video",
    ),
    Mutant(
        "A poster is stored after the files of a deleted generation were removed again",
        "infra/posters.py",
        "LATE = cdk.Duration.minutes(5)\n",
        "LATE = cdk.Duration.minutes(10)\n",
        noticed_by="tests/infra/test_stack.py"
        "::test_no_poster_is_stored_after_the_files_of_a_deleted_generation_were_removed_again",
    ),
)
