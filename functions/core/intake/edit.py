"""Read a change of a generation's name and tags, which its owner may make at any time.

A change names the tags to add and to remove, and not the whole new list, so concurrent changes do not undo each other.
"""

from collections.abc import Collection
from dataclasses import dataclass

from core.errors import InvalidRequest
from core.generation import Generation, has_tag
from core.intake.labels import MAX_TAGS, name_of, tags_of

FIELDS = ("add", "remove", "name")


@dataclass(frozen=True)
class Edit:
    """The tags to remove, those to add, and the new name. Making the same change again changes nothing."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()  # a key without a value removes its tag with any value
    name: str | None = None
    names: bool = False  # whether the name changes; without a `name` it is removed

    @classmethod
    def of(cls, body: object) -> "Edit":
        """Return the change that a JSON body describes. Raise `InvalidRequest` if it is not valid."""
        if not isinstance(body, dict) or not body or body.keys() - set(FIELDS):
            raise InvalidRequest("The body must be a JSON object with `add`, `remove` or `name`, and no other field.")
        return cls(
            tags_of(body.get("add"), "add"),
            tags_of(body.get("remove"), "remove"),
            name_of(body.get("name")),
            "name" in body,
        )

    def name_after(self, generation: Generation) -> str | None:
        """Return the name of the generation after the change."""
        return self.name if self.names else generation.name

    def tags_after(self, before: Collection[str]) -> list[str]:
        """Return the tags after the change. An added tag replaces the one with its key.

        Raise `InvalidRequest` if there are too many.
        """
        kept = (tag for tag in before if not any(has_tag([tag], wanted) for wanted in self.remove))
        tags = {tag.partition("=")[0]: tag for tag in (*kept, *self.add)}
        if self.add and len(tags) > MAX_TAGS:
            raise InvalidRequest(
                f"A generation has at most {MAX_TAGS} tags, and this one would have {len(tags)}. Remove some first.",
                "add",
            )
        return list(tags.values())
