"""Test tags: `key=value` or a word from any source, as described in the contract."""

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from core.intake.labels import TAGS, tags_of

LONGEST = "k" * 50 + "=" + "v" * 100


@pytest.mark.parametrize(
    ("given", "tags"),
    [
        (None, ()),
        ("", ()),
        (" , ;", ()),
        ("project=boats", ("project=boats",)),
        ("project=boats, draft;b=1,", ("project=boats", "draft", "b=1")),
        (["project=boats", " draft "], ("project=boats", "draft")),
        ("draft, draft,a=1,a=1", ("draft", "a=1")),
        ("query=a=b", ("query=a=b",)),
        pytest.param("Straße 7=größer als 👩\u200d🎨", ("Straße 7=größer als 👩\u200d🎨",), id="any script"),
        pytest.param(LONGEST, (LONGEST,), id="longest"),
        (",".join(map(str, range(20))), tuple(map(str, range(20)))),
    ],
)
def test_tags_are_read_from_a_text_and_from_a_list(given: object, tags: tuple[str, ...]) -> None:
    assert tags_of(given) == tags


@pytest.mark.parametrize(
    "given",
    [
        1,
        {"a": "b"},
        [1],
        [["a"]],
        "=value",
        "key=",
        "key =value",
        "key= value",
        ["a,b"],
        ["a;b"],
        "a\x00b",
        "a\nb",
        ["\ud800"],
        pytest.param("k" * 51, id="key of 51 characters"),
        pytest.param("k=" + "v" * 101, id="value of 101 characters"),
        pytest.param(",".join(map(str, range(21))), id="21 tags"),
    ],
    ids=repr,
)
def test_invalid_tags_are_rejected_with_a_description_of_valid_ones(given: object) -> None:
    with pytest.raises(
        InvalidRequest, match=r"^`tag` must be at most 20 tags, separated by commas\. A tag is `key=val"
    ):
        tags_of(given, "tag")


@pytest.mark.parametrize("given", ["a=1,a=2", ["a", "a=1"]])
def test_a_key_can_be_used_once(given: object) -> None:
    with pytest.raises(InvalidRequest, match="has two tags with the key `a`"):
        tags_of(given)


@example("a;a=0")
@given(st.text(alphabet=st.sampled_from("ab=,; \t\x00\x1cü\u00a0"), max_size=12) | st.from_regex(TAGS, fullmatch=True))
def test_the_pattern_in_the_contract_matches_accepted_tags(text: str) -> None:
    def taken() -> bool:
        try:
            tags_of(text)
        except InvalidRequest as refused:
            # A pattern cannot express these.
            return "two tags" in str(refused) or len(re.split("[,;]", text)) > 20
        return True

    assert bool(re.search(TAGS, text)) == taken()


@given(
    st.lists(
        st.from_regex(r"[^\s,;=]{1,5}(=[^\s,;]{1,5})?", fullmatch=True), max_size=5, unique_by=lambda t: t.split("=")[0]
    )
)
def test_reading_tags_twice_gives_the_same_result(tags: list[Any]) -> None:
    try:
        once = tags_of(tags)
    except InvalidRequest:  # a control character
        return
    assert tags_of(", ".join(once)) == tags_of(list(once)) == once
