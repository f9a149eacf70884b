"""Settings: typed, from the environment or from files, and never printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from chassis.ops.settings import Settings, SettingsError


def test_groups_are_keyed_by_service() -> None:
    settings = Settings.read(
        {
            "AFTERSALES_DATABASE_URL_ORDERS": "postgresql://a@b/orders",
            "AFTERSALES_URL_CONSOLE": "http://127.0.0.1:1",
            "AFTERSALES_POOL_SIZE": "3",
            "PATH": "/bin",
        }
    )
    assert settings.database_url("orders") == "postgresql://a@b/orders"
    assert settings.upstream("console") == "http://127.0.0.1:1"
    assert settings.pool_size == 3
    assert settings.amqp_prefix == "aftersales"


def test_what_is_missing_is_named() -> None:
    with pytest.raises(SettingsError, match="AFTERSALES_DATABASE_URL_FINANCE is not set"):
        Settings.read({"AFTERSALES_DATABASE_URL_FINANCE": ""}).database_url("finance")
    with pytest.raises(SettingsError, match="AFTERSALES_URL_ORDERS"):
        Settings.read({}).upstream("orders")


def test_secrets_come_from_files(tmp_path: Path) -> None:
    secret = tmp_path / "密码"
    secret.write_text("amqp://u:p@host/\n", encoding="utf-8")
    assert Settings.read({"AFTERSALES_AMQP_URL_FILE": str(secret)}).amqp_url == "amqp://u:p@host/"
    with pytest.raises(SettingsError, match="both set"):
        Settings.read({"AFTERSALES_AMQP_URL_FILE": str(secret), "AFTERSALES_AMQP_URL": "x"})
    with pytest.raises(SettingsError, match="AFTERSALES_JWKS_FILE"):
        Settings.read({"AFTERSALES_JWKS_FILE": str(tmp_path / "missing")})


@pytest.mark.parametrize("value", ["many", "0", "-1", "1.5"])
def test_numbers_are_checked(value: str) -> None:
    with pytest.raises(SettingsError, match="AFTERSALES_MAX_WORKERS must be a whole number"):
        Settings.read({"AFTERSALES_MAX_WORKERS": value})


def test_secrets_do_not_show() -> None:
    given = {
        "AFTERSALES_DATABASE_URL_ORDERS": "postgresql://u:hidden@h/d",
        "AFTERSALES_AMQP_URL": "amqp://u:hidden@h/",
        "AFTERSALES_ADMIN_PASSWORD": "hidden",
    }
    assert "hidden" not in repr(Settings.read(given))
