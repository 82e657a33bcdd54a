"""Buckets: a store in any service that speaks S3's protocol (S0-06)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from obstore.store import S3Store

from insula.kernel.storage.stores import Store

if TYPE_CHECKING:  # is described, but does not exist when the program runs
    from obstore.store import S3Config

LONGEST_TRANSFER = timedelta(hours=6)
"""The library's own 30 seconds would cut every large file off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Which bucket, where, and with which credentials (S1-47)."""

    name: str
    region: str = "us-east-1"
    endpoint: str | None = None
    """The address of a service other than Amazon's."""
    access_key_id: str | None = None
    secret_access_key: str | None = None

    def __repr__(self) -> str:
        return f"Bucket({self.name!r}, endpoint={self.endpoint!r})"


class BucketStore(Store):
    """Objects in a bucket; the names of buckets are kept out of host names elsewhere."""

    def __init__(self, bucket: Bucket) -> None:
        config: S3Config = {
            "region": bucket.region,
            "virtual_hosted_style_request": bucket.endpoint is None,
        }
        if bucket.endpoint is not None:
            config["endpoint"] = bucket.endpoint
        if bucket.access_key_id is not None and bucket.secret_access_key is not None:
            config["access_key_id"] = bucket.access_key_id
            config["secret_access_key"] = bucket.secret_access_key
        objects = S3Store(
            bucket.name,
            config=config,
            client_options={
                "allow_http": (bucket.endpoint or "").startswith("http://"),
                "connect_timeout": timedelta(seconds=5),
                "read_timeout": timedelta(seconds=30),
                "timeout": LONGEST_TRANSFER,
            },
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
        )
        super().__init__(objects)
