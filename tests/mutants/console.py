"""Mistakes in the console that share a key with the wrong tab or lose a video from a list."""

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
)
