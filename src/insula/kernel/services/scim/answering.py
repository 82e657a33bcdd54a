"""Answering in SCIM's own words: its content type, its errors, its versions (RFC 7644)."""

import hashlib
from collections.abc import Mapping
from functools import wraps
from typing import Any, TypeVar

import asyncpg
import msgspec
from pydantic import ValidationError
from scim2_models import (
    Context as ScimContext,
)
from scim2_models import (
    Error,
    InvalidSyntaxException,
    ListResponse,
    PreconditionFailedException,
    Resource,
    ResponseParameters,
    SCIMException,
    UniquenessException,
)

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.errors import Denied, Problem
from insula.kernel.services.scim.addresses import TYPE, Run
from insula.kernel.services.scim.schemas import POLICY
from insula.kernel.services.scim.tokens import VIA

JSON_TYPES = (TYPE, "application/json")
DEEPEST = 20
LONGEST_FILTER = 2000
R = TypeVar("R", bound=Resource[Any])


class DirectoriesAlone(Denied):
    """Only a directory's own token opens SCIM."""

    code = "SCIM_TOKENS_ALONE"


class NotScim(Problem):
    """Send the body as application/scim+json."""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"


def answering(run: Run) -> Run:
    """The operation, with whatever it raises told as SCIM tells errors."""

    @wraps(run)
    async def told(ctx: Context, call: Call) -> Reply:
        try:
            if not (ctx.actor.via or "").startswith(VIA):
                raise DirectoriesAlone
            return await run(ctx, call)
        except ValidationError as error:
            return _refusal(Error.from_validation_error(error.errors()[0]))
        except SCIMException as error:
            return _refusal(error.to_error())
        except asyncpg.UniqueViolationError:
            return _refusal(UniquenessException().to_error())
        except RecursionError:
            return _refusal(InvalidSyntaxException().to_error())
        except Problem as problem:
            return _refusal(Error(status=problem.status, detail=problem.message))

    return told


def _refusal(error: Error) -> Reply:
    status = error.status or 400
    return Reply(error.model_dump_json().encode(), status=status, content_type=TYPE)


def body_of(call: Call) -> dict[str, Any]:
    """The body as JSON that PostgreSQL can keep."""
    kind = call.headers.get(b"content-type", b"").split(b";", 1)[0].strip().lower()
    if kind.decode("latin-1") not in JSON_TYPES:
        raise NotScim
    try:
        found = msgspec.json.decode(call.raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidSyntaxException(detail="the body is no JSON") from None
    if not isinstance(found, dict) or _unfit(found):
        raise InvalidSyntaxException(detail="the body is no object that can be kept")
    return found


def _unfit(value: object, depth: int = 0) -> bool:
    """Whether something nests too deep, or holds what text cannot."""
    if isinstance(value, str):
        return "\x00" in value
    if depth > DEEPEST:
        return True
    if isinstance(value, dict):
        return any(_unfit(it, depth + 1) for pair in value.items() for it in pair)
    return isinstance(value, list) and any(_unfit(it, depth + 1) for it in value)


def version_of(resource: Resource[Any]) -> int:
    """The version of what a resource says, as a number that no other content has.

    Users and teams are changed elsewhere too: so it follows from the content.
    """
    said = resource.model_dump(scim_ctx=ScimContext.DEFAULT, exclude={"meta"})
    raw = msgspec.json.encode(said, order="deterministic")
    digest = hashlib.blake2b(raw, digest_size=7).digest()
    return int.from_bytes(digest) + 1


def check_version(call: Call, resource: Resource[Any]) -> None:
    """Refuse to change what is not as the caller last saw it."""
    if call.version is not None and call.version != version_of(resource):
        raise PreconditionFailedException


def shown(resource: R, call: Call, *, status: int = 200, context: ScimContext) -> Reply:
    """One resource, as the caller asked to see it."""
    asked: ResponseParameters[R] = ResponseParameters[type(resource)].model_validate(  # type: ignore[misc]  # known at run time alone
        _wanted(call.query), scim_policy=POLICY
    )
    assert resource.meta is not None
    resource.meta.version = tag = f'W/"{version_of(resource)}"'
    body = resource.model_dump_json(scim_ctx=context, response_parameters=asked)
    location = (resource.meta.location or "").encode()
    where = b"location" if status == 201 else b"content-location"
    return Reply(
        body.encode(),
        status=status,
        etag=tag,
        content_type=TYPE,
        headers=((where, location),),
    )


def page(
    found: ListResponse[Resource[Any]],
    asked: ResponseParameters[Any],
    context: ScimContext,
) -> Reply:
    """Some resources."""
    for resource in found.resources or ():
        if resource.meta is not None and resource.id is not None:
            resource.meta.version = f'W/"{version_of(resource)}"'
    body = found.model_dump_json(scim_ctx=context, response_parameters=asked)
    return Reply(body.encode(), content_type=TYPE)


def _wanted(query: Mapping[str, str]) -> dict[str, str]:
    names = ("attributes", "excludedAttributes")
    return {name: query[name] for name in names if name in query}


def nothing() -> Reply:
    """It is gone."""
    return Reply(b"", status=204, content_type=TYPE)
