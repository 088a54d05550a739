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
)
