"""Mistakes with rows that are fixed, with folders of videos, and with the tables to fill in."""

from tests.mutants.mutant import Mutant

_ROWS = "tests/unit/client/test_rows.py"
_SYNC = "tests/unit/client/test_sync.py"

MUTANTS = (
    Mutant(
        "A download gets its name before its bytes are compared",
        "client/promptreel/_download.py",
        "    if not is_intact(part, size, video.sha256):\n",
        "    if not is_intact(part, size, None):\n",
        noticed_by=f"{_SYNC}::test_wrong_bytes_never_get_the_name_of_the_video",
    ),
    Mutant(
        "A sync downloads videos that are there",
        "client/promptreel/_sync.py",
        "            if known and known.is_complete(verify=self.verify):\n",
        "            if known and known.is_complete(verify=self.verify) and self.verify:\n",
        noticed_by=f"{_SYNC}::test_only_missing_videos_are_saved",
    ),
    Mutant(
        "Two syncs of a folder run at once",
        "client/promptreel/_sidecar.py",
        "                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)\n",
        noticed_by=f"{_SYNC}::test_two_syncs_of_a_folder_do_not_run_at_once",
    ),
    Mutant(
        "A fixed row makes the equal rows after it other rows",
        "client/promptreel/_rows.py",
        "    for number in _followed_by_equals(whole, changed):\n",
        "    for number in _followed_by_equals(whole, {}):\n",
        noticed_by=f"{_ROWS}::test_equal_rows_that_follow_stay_the_rows_that_they_are",
    ),
    Mutant(
        "A prompt keeps the apostrophe that a spreadsheet needs",
        "client/promptreel/_rows.py",
        "        restored = original if BATCH in self._names else str\n",
        "        restored = str\n",
        noticed_by=f"{_ROWS}::test_only_the_fixed_row_is_another_row",
    ),
    Mutant(
        "Rows return to a batch that has changed",
        "client/promptreel/_batches.py",
        "            if batch.revision != revision.number:\n",
        "            if batch.revision < revision.number:\n",
        noticed_by=f"{_ROWS}::test_rows_that_cannot_return_to_their_batch_start_nothing",
    ),
    Mutant(
        "An owner gets the file of another owner's batch",
        "functions/core/batches/api.py",
        "        batch = self.own(owner, which)\n        record = batch.record\n",
        "        batch = self.batches.records.get(which)\n        record = batch.record\n",
        noticed_by="tests/functions/test_api_batches.py::test_nobody_else_gets_the_file_of_a_batch",
    ),
    Mutant(
        "A ratio that a spreadsheet saved as a time of day is rejected",
        "functions/core/batches/prompt_file.py",
        "    if text not in allowed and (ratio := _ratio(text)) in allowed:\n",
        "    if text not in allowed and (ratio := text) in allowed:\n",
        noticed_by="tests/unit/test_prompt_file.py::test_a_ratio_that_a_spreadsheet_saved_as_a_time_is_read",
    ),
    Mutant(
        "A comment shifts the lines that problems name",
        "functions/core/batches/columns.py",
        "            lines, first = lines + 1, text.readline(most)\n",
        "            lines, first = 1, text.readline(most)\n",
        noticed_by="tests/unit/test_prompt_file.py::test_comments_above_the_header_are_ignored_and_prompts_may_begin_like_them",
    ),
    Mutant(
        "A missing poster makes the download of its video fail",
        "client/promptreel/_sidecar.py",
        "with suppress(DownloadFailed, OSError):",
        "with suppress(OSError):",
        noticed_by="tests/unit/client/test_results.py"
        "::test_the_poster_is_saved_with_the_video_and_shown_until_that_plays",
    ),
)
