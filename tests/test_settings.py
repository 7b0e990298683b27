"""Settings from the environment and from flags, and what is said when they are wrong."""

import os
import sys
from pathlib import Path

import pytest

from catdog_api.errors import SettingsError
from catdog_api.settings import Settings, bundled, read_settings


def test_the_environment_sets_and_a_flag_wins_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATDOG_PORT", "9000")
    monkeypatch.setenv("CATDOG_MAX_PIXELS", "123")
    settings = read_settings({"port": "9001"})
    assert (settings.port, settings.max_pixels) == (9001, 123)


def test_origins_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATDOG_CORS_ORIGINS", "https://a.example, https://b.example,")
    assert read_settings().cors_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CATDOG_PORT", "http"),
        ("CATDOG_PORT", "70000"),
        ("CATDOG_MAX_PIXELS", "0"),
        ("CATDOG_LOG_LEVEL", "loud"),
        ("CATDOG_DEADLINE_SECONDS", "-1"),
        ("CATDOG_MODEL_THREADS", "-1"),
        ("CATDOG_CORE_LIMIT", "-1"),
        ("CATDOG_PRECISION", "float16"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_names_its_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as refusal:
        read_settings()
    assert "\n" not in str(refusal.value)


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CATDOG_PORT", "CATDOG_TLS_CERTIFICATE", "CATDOG_TLS_KEY"):
        monkeypatch.setenv(name, "")
    assert read_settings() == Settings()


def test_a_certificate_needs_its_key_and_both_must_be_there(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.touch()
    with pytest.raises(SettingsError, match=r"^CATDOG_TLS_CERTIFICATE and CATDOG_TLS_KEY are needed together$"):
        read_settings({"tls_certificate": certificate})
    with pytest.raises(SettingsError, match=r"^CATDOG_TLS_KEY: \S+ is no file$"):
        read_settings({"tls_certificate": certificate, "tls_key": tmp_path / "key.pem"})
    assert read_settings({"tls_certificate": certificate, "tls_key": certificate}).url == "https://localhost:8000"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://localhost:8000"),
        ("0.0.0.0", "http://localhost:8000"),  # noqa: S104  # only compared
        ("::", "http://localhost:8000"),
        ("::1", "http://[::1]:8000"),
        ("192.0.2.1", "http://192.0.2.1:8000"),
        ("2001:db8::1", "http://[2001:db8::1]:8000"),
    ],
)
def test_a_person_is_told_an_address_that_works(host: str, url: str) -> None:
    assert read_settings({"host": host}).url == url


@pytest.mark.skipif(sys.platform != "linux", reason="a process cannot be pinned elsewhere")
def test_only_the_cores_that_the_process_may_use_are_counted() -> None:
    allowed = os.sched_getaffinity(0)
    assert Settings().cores == len(allowed)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert Settings().cores == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.skipif(sys.platform != "linux", reason="what a process is pinned to is read on Linux")
def test_a_quota_lowers_the_cores_that_workers_share_and_never_raises_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert Settings(core_limit=6).cores == 6
    assert Settings(core_limit=6, workers=2).cores == 3
    assert Settings(core_limit=100).cores == 64


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read_settings().port = 1  # type: ignore[misc]  # which is the point


def test_an_installed_package_finds_its_own_model_and_a_checkout_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "project" / "src" / "catdog_api"
    package.mkdir(parents=True)
    monkeypatch.setattr("catdog_api.settings.__file__", str(package / "settings.py"))
    assert bundled("models") == tmp_path / "project" / "models"
    (package / "models").mkdir()
    assert bundled("models") == package / "models"


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in Settings.model_fields.values())
