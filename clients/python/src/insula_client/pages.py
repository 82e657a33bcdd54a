"""Pages: a list that is asked for piece by piece while somebody goes through it."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from insula_client.exchange import Asked

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list, and what the server says of the rest."""

    rows: list[T]
    meta: Mapping[str, Any]

    @property
    def total(self) -> int | None:
        """Of how many rows it is a part; told with numbered pages alone."""
        found: int | None = self._pagination.get("total")
        return found

    def following(self) -> dict[str, Any] | None:
        """What to add to the question for the next page; None behind the last."""
        told = self._pagination
        if told.get("next_cursor"):
            return {"cursor": told["next_cursor"]}
        if told.get("current_page", 0) < told.get("total_pages", 0):
            return {"page": told["current_page"] + 1}
        return None

    @property
    def _pagination(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.meta.get("pagination") or {}
        return found


class Asks(Protocol):
    """What brings the envelope of an answer."""

    def envelope(self, asked: Asked) -> Any:
        """The envelope of the answer."""


class AsksLater(Protocol):
    """The same, to be awaited."""

    async def envelope(self, asked: Asked) -> Any:
        """The envelope of the answer."""


class Pages(Generic[T]):
    """The rows of a list, each once; the next page is fetched when it is needed."""

    def __init__(self, line: Asks, asked: Asked) -> None:
        self._line, self._asked = line, asked

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.rows

    def pages(self) -> Iterator[Page[T]]:
        """The same, page by page."""
        asked: Asked | None = self._asked
        while asked is not None:
            page = _page(self._line.envelope(asked))
            yield page
            asked = _next(asked, page)


class AsyncPages(Generic[T]):
    """The rows of a list, each once; the next page is fetched when it is needed."""

    def __init__(self, line: AsksLater, asked: Asked) -> None:
        self._line, self._asked = line, asked

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for row in page.rows:
                yield row

    async def pages(self) -> AsyncIterator[Page[T]]:
        """The same, page by page."""
        asked: Asked | None = self._asked
        while asked is not None:
            page = _page(await self._line.envelope(asked))
            yield page
            asked = _next(asked, page)


def _page(envelope: Any) -> Page[Any]:
    return Page(envelope["data"], envelope.get("meta") or {})


def _next(asked: Asked, page: Page[Any]) -> Asked | None:
    more = page.following()
    if more is None:
        return None
    return replace(asked, query={**asked.query, **more})
