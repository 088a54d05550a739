"""Mistakes with what a terminal shows, and with the names and encodings of batches."""

from tests.mutants.mutant import Mutant

_BATCHES = "tests/functions/test_api_batches.py"

MUTANTS = (
    Mutant(
        "A table drops the numbers before the bar",
        "client/promptreel/commands/tables.py",
        "            del sizes[max(list(sizes)[1:], key=self._dispensability)]\n",
        "            del sizes[min(list(sizes)[1:], key=self._dispensability)]\n",
        noticed_by="tests/unit/client/test_tables.py::test_a_bar_takes_only_the_space_that_is_left",
    ),
    Mutant(
        "A table cuts values that must stay whole",
        "client/promptreel/commands/tables.py",
        "whole if column.least is None else min(wanted[index], max(title, column.least))",
        "min(whole, max(title, column.least or 6))",
        noticed_by="tests/unit/client/test_tables.py::test_a_table_fits_and_cuts_no_number_id_or_time",
    ),
    Mutant(
        "The beginning of an id comes before the name of a batch",
        "functions/core/batches/api.py",
        "        return named or begun\n",
        "        return begun or named\n",
        noticed_by=f"{_BATCHES}::test_a_name_is_as_good_as_an_id_and_comes_before_the_beginning_of_one",
    ),
    Mutant(
        "A batch is cancelled by the beginning of its id",
        "functions/core/batches/api.py",
        "        if which not in (batch.record.batch_id, batch.record.name):\n",
        "        if not batch.record.batch_id:\n",
        noticed_by=f"{_BATCHES}::test_a_batch_id_prefix_can_read_but_not_change",
    ),
    Mutant(
        "A dropped file is read as UTF-8, whatever its metadata says",
        "functions/core/batches/dropped_file.py",
        'metadata.get("encoding")',
        "None",
        noticed_by=f"{_BATCHES}::test_a_dropped_file_is_read_in_the_encoding_of_its_metadata",
    ),
    Mutant(
        "--force starts a batch of which no row can run",
        "client/promptreel/commands/batch.py",
        "(not force or check.problem_rows == check.rows)",
        "not force",
        noticed_by="tests/unit/client/test_batches.py::test_a_file_without_a_valid_row_is_not_sent_with_force",
    ),
    Mutant(
        "A choice shows the new rows of another one",
        "client/promptreel/commands/batch.py",
        "            return max(0, valid - (check.made_elsewhere.rows if check.made_elsewhere else 0))\n",
        "            return valid\n",
        noticed_by="tests/unit/client/test_batches.py::test_a_file_that_repeats_or_drops_most_rows_is_not_sent_without_an_option",
    ),
    Mutant(
        "A key without a scope is called invalid",
        "client/promptreel/_http.py",
        '    if "has the scope" in message:\n',
        '    if "has the scopes" in message:\n',
        noticed_by="tests/unit/client/test_http.py::test_a_key_without_the_scope_of_a_call_is_not_called_invalid",
    ),
    Mutant(
        "A narrow terminal cuts the numbers of the progress",
        "client/promptreel/commands/batch.py",
        "if console.width >= WIDE else",
        "if console.width else",
        noticed_by="tests/unit/client/test_batches.py::test_no_number_of_the_progress_is_cut",
    ),
    Mutant(
        "Rejected rows need nobody",
        "client/promptreel/commands/status.py",
        "        elif batch.rejected and",
        "        elif not batch.rejected and",
        noticed_by="tests/unit/client/test_status.py::test_rejected_rows_need_someone_although_no_generation_failed",
    ),
)
