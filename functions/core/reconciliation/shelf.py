"""Keep in S3 the books of days, the work of interrupted runs, and the marks of the days that are due.

A book is stored once it is complete and never changed, so concurrent writers do no harm. A day is due while it has a
mark. Each mark has a unique name, so a mark that is set while a day is judged is not deleted with the earlier ones.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from core.errors import ProviderUnavailable
from core.generation import iso
from core.reconciliation.book import Book, is_usable
from core.reconciliation.reading import DAY, OutOfTime, bounds, days

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FOLDER = "reconciliation/"
BOOKS, WORK, DUE = f"{FOLDER}books/", f"{FOLDER}work/", f"{FOLDER}due/"
SCHEDULED = f"{FOLDER}scheduled"  # the latest day that the schedule has marked


@dataclass(frozen=True)
class Mark:
    """A reason why a day is due, from a time on."""

    day: date
    since: str  # ISO 8601
    key: str


@dataclass(frozen=True)
class Shelf:
    """The objects under `reconciliation/`, except the reports."""

    s3: "S3Client"
    bucket: str

    def days(self) -> list[date]:
        """Return the days that have a book."""
        return [date.fromisoformat(key.removeprefix(BOOKS)) for key in self._keys(BOOKS)]

    def fetch(self, day: date, path: Path, read: Callable[[Book], None], *, again: bool) -> None:
        """Write the book of a day to `path`. If it does not exist, or with `again`, call `read` for it and store it.

        If the time ends or the provider fails, store the incomplete book, so that the next call continues. If the file
        is damaged, the next call starts again.
        """
        if not again and self._load(f"{BOOKS}{day}", path):
            return
        continues = self._load(f"{WORK}{day}", path)
        book = Book(path)
        try:
            try:
                read(book)
            finally:
                book.close()
        except (OutOfTime, ProviderUnavailable):
            self._store(f"{WORK}{day}", path)
            raise
        except sqlite3.Error:
            self.s3.delete_object(Bucket=self.bucket, Key=f"{WORK}{day}")
            raise
        self._store(f"{BOOKS}{day}", path)
        if continues:
            self.s3.delete_object(Bucket=self.bucket, Key=f"{WORK}{day}")

    def mark(self, day: date, since: datetime) -> None:
        """Mark a day as due from a time on."""
        self.s3.put_object(Bucket=self.bucket, Key=f"{DUE}{day}_{iso(since)}_{uuid4().hex}", Body=b"")

    def marks(self) -> list[Mark]:
        """Return all marks."""
        return [
            Mark(date.fromisoformat(day), since, key)
            for key in self._keys(DUE)
            for day, since, _ in [key.removeprefix(DUE).split("_")]
        ]

    def clear(self, marks: Iterable[Mark]) -> None:
        """Delete these marks."""
        for mark in marks:
            self.s3.delete_object(Bucket=self.bucket, Key=mark.key)

    def mark_until(self, last: date) -> None:
        """Mark all days up to the last one that the schedule has not marked yet.

        In a new deployment, mark only the last one.
        """
        try:
            before = date.fromisoformat(self._body(SCHEDULED).decode())
        except (self.s3.exceptions.NoSuchKey, ValueError):
            before = last - DAY
        for day in days(before + DAY, last):
            self.mark(day, bounds(day)[1])
        if before < last:
            self.s3.put_object(Bucket=self.bucket, Key=SCHEDULED, Body=last.isoformat().encode())

    def _load(self, key: str, path: Path) -> bool:
        """Write a stored file to `path`. Return whether it exists and can be used."""
        path.unlink(missing_ok=True)
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=key)
        except self.s3.exceptions.NoSuchKey:
            return False
        with path.open("wb") as file:
            for part in answer["Body"].iter_chunks(1 << 20):
                file.write(part)
        if is_usable(path):
            return True
        path.unlink()
        return False

    def _store(self, key: str, path: Path) -> None:
        with path.open("rb") as file:
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=file)

    def _body(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def _keys(self, prefix: str) -> Iterator[str]:
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            yield from (one["Key"] for one in page.get("Contents", []))
