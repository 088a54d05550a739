"""Test that plain values survive the conversion to DynamoDB items."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.generation import Status
from core.records.table import read, write

PLAIN: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.dictionaries(st.text(), PLAIN, max_size=5))
def test_a_written_value_is_read_unchanged(item: dict[str, Any]) -> None:
    """Compare the texts: a Decimal equals the int that was written, but cannot be written as JSON."""
    assert repr(read(write(item))) == repr({name: value for name, value in item.items() if value is not None})


def test_an_enum_is_written_as_its_text() -> None:
    assert write({"status": Status.COMPLETED}) == {"status": {"S": "completed"}}


def test_an_unsupported_value_is_rejected() -> None:
    with pytest.raises(TypeError, match="Float types are not supported"):
        write({"seconds": 1.5})
