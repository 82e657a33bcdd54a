"""What the service consists of: one operation, behind which are all others."""

from typing import Any

from insula.kernel.access.operation import Operation, Parameter
from insula.kernel.services.mcp.endpoint import Endpoint, ForeignPage, McpOff
from insula.kernel.services.mcp.messages import JSON

PATH = "/mcp"
APPS = Parameter(
    "apps",
    "Only the tools of these apps and services.",
    {"type": "string", "examples": ["maintenance,people"]},
)


def mcp_operations(endpoint: Endpoint) -> tuple[Operation, ...]:
    """``POST /mcp``: it writes nothing itself, so that it can be asked whenever one can read."""
    return (
        Operation(
            name="mcp.message", method="POST", path=PATH, run=endpoint.answer,
            summary="Answer one message of the Model Context Protocol",
            raw_body=JSON, content_type=JSON, writes=False, also=(202,),
            parameters=(APPS,), answer=_schema, errors=(ForeignPage, McpOff),
        ),
    )  # fmt: skip


def _schema() -> dict[str, Any]:
    """A JSON-RPC 2.0 answer."""
    return {
        "title": "McpAnswer",
        "type": "object",
        "required": ["jsonrpc"],
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "id": {"type": ["string", "integer"]},
            "result": {"type": "object"},
            "error": {"type": "object"},
        },
    }
