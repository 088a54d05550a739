"""Mistakes in the console that share a key with the wrong tab, or lose a video from a list or a change of its tags."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "A call to the provider is missing from a timeline because it was short",
        "console/timeline.js",
        ' || (seconds > 0 && what === "call")',
        "",
        noticed_by="tests/unit/test_console_timeline.py::test_a_call_is_listed_however_short_it_was",
    ),
    Mutant(
        "A prompt that begins like an input makes a job wait for one in its timeline",
        "console/timeline.js",
        "inputsOf(generation).length > 0",
        "JSON.stringify(generation.meta.request).includes('\"generation:')",
        noticed_by="tests/unit/test_console_timeline.py::test_a_prompt_that_begins_like_an_input_is_none",
    ),
    Mutant(
        "A busy button is too pale to read",
        "console/console.css",
        "button:disabled {",
        'button:is(:disabled, [aria-busy="true"]) {',
        noticed_by="tests/console/test_everyone.py::test_every_dialog_is_accessible_and_returns_the_focus",
    ),
    Mutant(
        "What was spent before this month counts as spent this month",
        "console/usage.js",
        "const { completed, failed, usd: spent } = totalOf(sums, first);",
        'const { completed, failed, usd: spent } = totalOf(sums, "");',
        noticed_by="tests/console/test_usage.py::test_usage_begins_with_what_was_spent_this_month_and_what_is_left",
    ),
    Mutant(
        "A model shows the price of its defaults as that of the chosen settings",
        "console/models.js",
        'get("v2/models", { limit: 100, cursor, settings })',
        'get("v2/models", { limit: 100, cursor })',
        noticed_by="tests/console/test_making.py::test_models_show_their_price_for_the_chosen_settings",
    ),
    Mutant(
        "A tab takes the key that another tab asked for",
        "console/session.js",
        "data.to && data.to === request && isKey(data.key)",
        'isKey(data.key ?? "")',
        noticed_by="tests/unit/test_console_state.py::"
        "test_a_new_tab_takes_the_key_of_the_tab_that_was_used_last_and_stores_it_for_itself_only",
    ),
    Mutant(
        "A tab shares a key that the API rejected",
        "console/session.js",
        "data.asks && key.value !== null && !refused.value",
        "data.asks && key.value !== null",
        noticed_by="tests/unit/test_console_state.py::"
        "test_a_tab_answers_with_its_key_unless_it_is_rejected_and_leaves_with_the_others",
    ),
    Mutant(
        "A row of the gallery drops the video that does not fit",
        "console/shape.js",
        "    sum = isBetterWithout ? ratio : 0;\n",
        "    sum = 0;\n",
        noticed_by="tests/unit/test_console_state.py::test_rows_are_full_and_keep_every_shape",
    ),
    Mutant(
        "A retry that was interrupted pays again for the videos that were accepted",
        "console/selection.js",
        "      choose(one.id, false); // if a later one fails, the next press must not pay for this one again\n",
        "",
        noticed_by="tests/console/test_videos.py::test_a_retry_that_is_interrupted_pays_for_nothing_twice",
    ),
    Mutant(
        "An answer to an earlier call takes back a change of tags",
        "console/videos.js",
        "  if (changed && Date.now() < changed.until) meta.tags = changed.tags;\n",
        "",
        noticed_by="tests/console/test_tags.py::test_a_late_answer_does_not_undo_a_change",
    ),
    Mutant(
        "Two changes of a video's tags can arrive in the wrong order",
        "console/tags.js",
        "mine.last.then(send, send)",
        "send()",
        noticed_by="tests/console/test_tags.py::test_two_presses_in_a_row_are_sent_in_order",
    ),
    Mutant(
        "A change that fails after another one brings that one's tags back",
        "console/tags.js",
        "setTags(id, mine.saved);",
        "setTags(id, before);",
        noticed_by="tests/console/test_tags.py::test_two_presses_that_cannot_be_saved_are_both_taken_back",
    ),
    Mutant(
        "Undo loses a tag that another one with its key has replaced",
        "console/tags.js",
        "add: lacks(before, after)",
        "add: []",
        noticed_by="tests/console/test_tags.py::test_tags_of_a_selection_are_added_and_removed_and_undone",
    ),
    Mutant(
        "A tag that is not valid is sent for every video of a selection",
        "console/tags.js",
        "problem.isOfAll ||= isWrong || ",
        "problem.isOfAll ||= ",
        noticed_by="tests/console/test_tags.py::test_a_bad_tag_is_said_next_to_the_field_and_changes_nothing",
    ),
)
