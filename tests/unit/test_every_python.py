"""A user gets the same result with every version of Python: each case had another one with some of 3.11 to 3.14."""

import re

import pytest

from core.models.validation import MAX_PARSED_DEPTH, parse_json


@pytest.mark.parametrize(
    ("json", "said"),
    [
        ("[1,]", "Illegal trailing comma before end of array: line 1 column 3 (char 2)"),
        ("[1 , \n ]", "Illegal trailing comma before end of array: line 1 column 4 (char 3)"),
        ('{"a": 1,}', "Illegal trailing comma before end of object: line 1 column 8 (char 7)"),
        ("[1,}", "Expecting value: line 1 column 4 (char 3)"),
        ("[,]", "Expecting value: line 1 column 2 (char 1)"),
        ("[1,,]", "Expecting value: line 1 column 4 (char 3)"),
        ('{"a": 1,]', "Expecting property name enclosed in double quotes: line 1 column 9 (char 8)"),
        ("[1,", "Expecting value: line 1 column 4 (char 3)"),
        ('["a,', "Unterminated string starting at: line 1 column 2 (char 1)"),
    ],
)
def test_what_is_wrong_with_json_is_said_in_the_same_words(json: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        parse_json(json)


@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a": ', "}")])
def test_how_deep_json_may_be_nested_is_the_same(begin: str, end: str) -> None:
    for depth in (MAX_PARSED_DEPTH + 1, 1200, 5000, 100_000):
        with pytest.raises(ValueError, match=r"^more than 100 lists and objects are nested in each other$"):
            parse_json(begin * depth + "1" + end * depth)
    assert parse_json(begin * MAX_PARSED_DEPTH + "1" + end * MAX_PARSED_DEPTH)
