"""The service of API keys: what every tenant has of it, whatever its apps."""

from pathlib import Path

from insula.kernel.resource.app import App
from insula.kernel.resource.declaration import Resource
from insula.kernel.services.keys.models import ApiKey

api_keys = Resource(
    ApiKey,
    kernel=True,
    filters=(ApiKey.owner_id, ApiKey.prefix),
    sort=(ApiKey.created_at, ApiKey.name),
    hidden=(ApiKey.hash,),
    without=("create", "delete"),  # its own operations show a text, and tell everybody
)

service = App(
    name="keys",
    title="API keys",
    version="1.0.0",
    folder=Path(__file__).parent,
    always=True,
    resources=(api_keys,),
)
