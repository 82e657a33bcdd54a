"""A desk at which somebody hands files in and asks for them, as a client would."""

import io
from dataclasses import dataclass
from typing import Any

import httpx2
from PIL import Image

from tests.house import Answer, Caller


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody who has files at a tenant."""

    caller: Caller

    async def send(self, content: bytes, name: str = "file", **more: Any) -> Answer:
        """Upload a file."""
        query = httpx2.QueryParams({"name": name, **more})
        return await self.caller.send("POST", f"files?{query}", content=content)

    async def add(self, content: bytes, name: str = "file", **more: Any) -> Any:
        """Upload a file, which must succeed."""
        answer = await self.send(content, name, **more)
        assert answer.status == 201, answer.body
        return answer.data

    async def fetch(
        self, path: str, method: str = "GET", **headers: str
    ) -> httpx2.Response:
        """What is at a path, with its bytes as they are."""
        sent = {it.replace("_", "-"): value for it, value in headers.items()}
        if self.caller.token is not None:
            sent["authorization"] = f"Bearer {self.caller.token}"
        sent["host"] = self.caller.host
        return await self.caller.http.request(method, path, headers=sent)

    async def content(self, file: Any, query: str = "", **more: str) -> httpx2.Response:
        """The content of a file."""
        return await self.fetch(f"/api/v1/files/{file['id']}/content{query}", **more)

    async def link(self, file: Any, **order: Any) -> Any:
        """A new link to a file."""
        answer = await self.caller.post(f"files/{file['id']}/links", order)
        return answer.data


def photo(about: str = "") -> bytes:
    """A picture, with a word about it."""
    exif = Image.Exif()
    exif[0x010E] = about
    written = io.BytesIO()
    Image.new("RGB", (400, 200), "red").save(written, "jpeg", exif=exif)
    return written.getvalue()
