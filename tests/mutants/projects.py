"""Mistakes with projects, notifications and what watch and status show."""

from tests.mutants.mutant import Mutant

_PROJECT, _NOTIFICATION = "client/promptreel/project.py", "client/promptreel/commands/notification.py"
_TEST = "tests/unit/client/test_project.py"
_WATCH = "tests/unit/client/test_watch.py"

MUTANTS = (
    Mutant(
        "A project's file may contain a URL and a key",
        _PROJECT,
        "        if name not in SETTINGS:\n",
        "        if name not in (*SETTINGS, 'url', 'api_key'):\n",
        noticed_by=f"{_TEST}::test_no_request_is_sent_anywhere_because_of_a_url_or_key_in_the_file",
    ),
    Mutant(
        "A project's stage may be the local cloud of the same folder",
        _PROJECT,
        "    if stage == LOCAL:\n",
        "    if stage == LOCAL and not stage:\n",
        noticed_by=f"{_TEST}::test_no_request_is_sent_anywhere_because_of_a_url_or_key_in_the_file",
    ),
    Mutant(
        "A project's output folder follows a link to another place",
        _PROJECT,
        'or ".." in parts or not output.is_relative_to(folder):\n',
        'or ".." in parts:\n',
        noticed_by=f"{_TEST}::test_the_output_folder_is_inside_the_files_folder",
    ),
    Mutant(
        "A project's file is also used from the home folder",
        _PROJECT,
        "            if folder in (home, folder.parent) or",
        "            if folder == folder.parent or",
        noticed_by=f"{_TEST}::test_a_file_in_the_home_folder_or_above_it_is_not_used",
    ),
    Mutant(
        "A notification contains control characters",
        _NOTIFICATION,
        '    safe = plain(f"Promptreel: {text}")[:MOST]\n',
        '    safe = f"Promptreel: {text}"[:MOST]\n',
        noticed_by="tests/unit/client/test_notification.py::test_a_terminal_rings_and_shows_only_text_that_is_printable",
    ),
    Mutant(
        "AppleScript reads a notification's text as code",
        _NOTIFICATION,
        'for part in ("-e", line)), text]\n',
        'for part in ("-e", line.replace("(item 1 of argv)", f\'"{text}"\'))), text]\n',
        noticed_by="tests/unit/client/test_notification.py::test_applescript_gets_the_text_as_an_argument_and_not_as_code",
    ),
    Mutant(
        "Watch takes generations for deleted that it has not found yet",
        "client/promptreel/commands/running.py",
        "            if one.id in listed or not found.hides(one)\n",
        "",
        noticed_by=f"{_WATCH}::test_many_running_generations_take_few_calls_and_none_of_their_ends_is_lost",
    ),
    Mutant(
        "Watch fetches every generation that left its lists",
        "client/promptreel/commands/running.py",
        "        listed = {one.id: one for one in found.generations}\n",
        "        listed = {one.id: self._api.get(one.id) for one in missing}\n",
        noticed_by=f"{_WATCH}::test_many_running_generations_take_few_calls_and_none_of_their_ends_is_lost",
    ),
    Mutant(
        "Watch misses generations that start and end between two polls",
        "client/promptreel/commands/running.py",
        "find(self._api, None, recent, pages=1).generations} | seen\n",
        "()} | seen\n",
        noticed_by=f"{_WATCH}::test_a_generation_that_starts_and_ends_between_two_polls_is_shown",
    ),
)
