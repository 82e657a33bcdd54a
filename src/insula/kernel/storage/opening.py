"""Opening: the storage and the scanner that the settings of an installation name."""

import shlex

from pydantic import SecretStr

from insula.kernel.foundation.settings import Settings
from insula.kernel.storage.bucket import Bucket, BucketStore
from insula.kernel.storage.directory import DirectoryStore
from insula.kernel.storage.disks import Storage
from insula.kernel.storage.places import BUCKET, DIRECTORY
from insula.kernel.storage.scanning import CommandScanner, NullScanner, Scanner


def open_storage(settings: Settings) -> Storage:
    """The storage that the settings name; nothing is connected to yet."""
    root = settings.storage_dir or settings.data_dir / "storage"
    spool = root / DIRECTORY.central / "temp"
    if settings.storage == "local":
        return Storage(DirectoryStore(root), DIRECTORY, spool)
    bucket = Bucket(
        name=settings.aws_bucket or "",
        region=settings.aws_default_region,
        endpoint=settings.aws_url,
        access_key_id=_said(settings.aws_access_key_id),
        secret_access_key=_said(settings.aws_secret_access_key),
    )
    return Storage(BucketStore(bucket), BUCKET, spool)


def open_scanner(settings: Settings) -> Scanner:
    """The scanner that the settings name."""
    command = shlex.split(settings.scan_command or "")
    return CommandScanner(command) if command else NullScanner()


def _said(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
