"""Settings: what is refused at the start, in words that say what to do."""

import base64
from pathlib import Path

import pytest
from pydantic import ValidationError

from insula.kernel.foundation.settings import Settings, decode_key, make_key


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("APP_ENV", "APP_KEY", "DB_CONNECTION", "INSULA_ENV", "INSULA_APP_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_production_needs_a_key_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """S0-74: it refuses to start, and says how to make one."""
    monkeypatch.setenv("APP_ENV", "production")
    with pytest.raises(ValidationError, match="insula key"):
        Settings()


@pytest.mark.parametrize("key", ["short", "base64:c2hvcnQ=", "base64:???"])
def test_a_key_that_is_short_or_malformed_is_refused(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """S0-74, S4-43: in development too, because it would be used."""
    monkeypatch.setenv("APP_KEY", key)
    with pytest.raises(ValidationError, match="APP_KEY"):
        Settings()


def test_the_key_that_we_make_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_key()
    monkeypatch.setenv("APP_ENV", "production")
    monkeypatch.setenv("APP_KEY", key)
    assert Settings().key() == base64.b64decode(key.removeprefix("base64:"))


def test_development_makes_its_key_once_and_for_itself(tmp_path: Path) -> None:
    first = Settings(data_dir=tmp_path).key()
    assert Settings(data_dir=tmp_path).key() == first
    assert len(first) >= 32
    assert (tmp_path / "app.key").stat().st_mode & 0o777 == 0o600
    assert decode_key((tmp_path / "app.key").read_text()) == first


@pytest.mark.parametrize("other", ["mysql", "mariadb", "sqlite"])
def test_another_database_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    """R01: isolation rests on PostgreSQL."""
    monkeypatch.setenv("DB_CONNECTION", other)
    with pytest.raises(ValidationError, match="row-level security"):
        Settings()
