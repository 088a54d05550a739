"""Mistakes that let a short link be guessed, outlive its end, or show itself."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "A token can be made up",
        "functions/core/links/token.py",
        "        if not hmac.compare_digest(self._signed(named), raw):\n",
        "        if not raw:\n",
        noticed_by="tests/unit/test_links.py::test_a_token_with_any_other_bit_is_unknown",
    ),
    Mutant(
        "A link leads to a later generation with the same id",
        "functions/core/api/opening.py",
        "    if Named.of(generation.generation_id, generation.created_at, named.number) != named:\n",
        "    if generation.generation_id != named.generation_id:\n",
        noticed_by="tests/functions/test_links.py::test_a_link_does_not_lead_to_a_later_generation_with_the_same_id",
    ),
    Mutant(
        "A revoked link works again because its number is used again",
        "functions/core/api/links.py",
        "                number=links.next_number,\n",
        "                number=1 + max(link.number for link in links.links),\n",
        noticed_by="tests/functions/test_links.py::test_links_are_listed_and_revoked_for_good",
    ),
    Mutant(
        "Counting an open brings back a link that was revoked meanwhile",
        "functions/core/records/ledger.py",
        'Condition(f"#status = :completed AND {unchanged.text}", {**completed, **unchanged.values})',
        'Condition("#status = :completed", completed)',
        noticed_by="tests/functions/test_links.py::test_an_open_does_not_bring_back_a_link_that_is_revoked_meanwhile",
    ),
    Mutant(
        "Every request of a player counts as an open",
        "functions/core/links/record.py",
        "minute <= self.opened_at:\n",
        "minute < self.opened_at:\n",
        noticed_by="tests/unit/test_links.py::test_opens_within_a_minute_count_once_and_each_day_starts_again",
    ),
    Mutant(
        "An error repeats the token of a link",
        "functions/core/api/__init__.py",
        '    return re.sub(f"^{LINK_PATH}/.+", f"{LINK_PATH}/...", path, flags=re.DOTALL)\n',
        "    return path\n",
        noticed_by="tests/functions/test_links.py::test_neither_errors_nor_the_log_contain_the_token",
    ),
    Mutant(
        "The page of every link shows the prompt",
        "functions/core/api/opening.py",
        "prompt if link.shows_prompt and isinstance(prompt, str)",
        "prompt if isinstance(prompt, str)",
        noticed_by="tests/functions/test_links.py::test_a_page_shows_the_prompt_only_if_its_link_does",
    ),
    Mutant(
        "A prompt can put elements into the page of its link",
        "functions/core/api/link_page.py",
        """<h1 dir="auto">{html.escape(heading)}</h1>""",
        """<h1 dir="auto">{heading}</h1>""",
        noticed_by="tests/functions/test_links.py::test_a_page_shows_the_prompt_only_if_its_link_does",
    ),
    Mutant(
        "A chat gets an address of the poster that outlives its link",
        "functions/routes/opening.py",
        'card=poster and f"{base_url(router)}{LINK_PATH}/{token}/{POSTER_NAME}",',
        "card=poster,",
        noticed_by="tests/functions/test_links.py"
        "::test_a_page_shows_the_poster_until_the_video_plays_and_offers_it_to_chats",
    ),
)
