"""Check the requests that tests send to AWS against botocore's service models, as AWS does and moto does not.

botocore itself checks only types and required members. AWS also checks the lengths, patterns and allowed values that
the models declare.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.client import BaseClient
from botocore.model import Shape

violations: list[str] = []  # since they were last cleared


def watch() -> None:
    """Check every request of every client from now on, and add what is wrong to `violations`."""
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def checked(self: BaseClient, operation_name: str, params: dict[str, Any]) -> Any:
        shape = self.meta.service_model.operation_model(operation_name).input_shape
        if shape is not None:
            violations.extend(f"{operation_name}: {problem}" for problem in problems(shape, params, ""))
        return original(self, operation_name, params)

    BaseClient._make_api_call = checked  # type: ignore[attr-defined]


def problems(shape: Shape, value: Any, where: str) -> Iterator[str]:
    """Yield what AWS would reject in a value of this shape."""
    known: Any = shape  # the subclasses of Shape differ in their attributes
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, one in value.items():
            if name in known.members and one is not None:
                yield from problems(known.members[name], one, f"{where}.{name}")
    elif shape.type_name == "list" and isinstance(value, list | tuple):
        yield from _size(shape, len(value), where)
        for one in value:
            yield from problems(known.member, one, f"{where}[]")
    elif shape.type_name == "map" and isinstance(value, dict):
        yield from _size(shape, len(value), where)
        for key, one in value.items():
            yield from problems(known.key, key, f"{where} key")
            yield from problems(known.value, one, f"{where}.{key}")
    elif isinstance(value, str) and shape.type_name == "string":
        yield from _size(shape, len(value), where)
        enum, pattern = getattr(known, "enum", None), shape.metadata.get("pattern")
        if enum and value not in enum:
            yield f"{where} is {value!r}, which is not one of {enum}"
        if pattern and (compiled := _compiled(pattern)) and not compiled.search(value):
            yield f"{where} is {value!r}, which does not match {pattern}"
    elif isinstance(value, bytes | bytearray) and shape.type_name == "blob":
        yield from _size(shape, len(value), where)


def _size(shape: Shape, size: int, where: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < int(least):
        yield f"{where} has the size {size}, and the least is {least}"
    if most is not None and size > int(most):
        yield f"{where} has the size {size}, and the most is {most}"


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Return the pattern, or None if Python cannot read it: some use classes of Java."""
    try:
        return re.compile(pattern if pattern.startswith("^") else f"^(?:{pattern})$")
    except re.error:
        return None
