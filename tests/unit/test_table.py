"""Items as the table holds them: in DynamoDB's form, as boto3 writes it."""

from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from core.generation import Status
from core.records.table import read, write

PLAIN: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.dictionaries(st.text(), PLAIN, max_size=5))
def test_what_is_written_is_read_as_it_was_and_is_what_boto3_writes(item: dict[str, Any]) -> None:
    given_ = {name: value for name, value in item.items() if value is not None}
    assert write(item) == {name: TypeSerializer().serialize(value) for name, value in given_.items()}
    assert read(write(item)) == given_


def test_a_word_of_ours_is_written_as_its_text() -> None:
    assert write({"status": Status.COMPLETED}) == {"status": {"S": "completed"}}


def test_what_the_table_does_not_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="no float"):
        write({"seconds": 1.5})
