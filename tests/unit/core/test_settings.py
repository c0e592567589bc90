"""Settings: file < secret files < environment; a name nobody knows stops the start with the nearest one."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from idp.core.settings_sources import BadSettings, load, names

SECRETS = {"PARVIS_SECRET_KEY": "s" * 32, "PARVIS_PEPPER": "p" * 32}


@pytest.fixture
def file(tmp_path):
    """A configuration file with this content; the environment that names it."""

    def write(content):
        path = tmp_path / "parvis.toml"
        path.write_text(content)
        return {**SECRETS, "PARVIS_CONFIG": str(path)}

    return write


def test_the_two_secrets_have_no_default():
    with pytest.raises(BadSettings, match="PARVIS_SECRET_KEY"):
        load({"PARVIS_PEPPER": "p" * 32})


@pytest.mark.parametrize("name", ["PARVIS_SECRET_KEY", "PARVIS_PEPPER"])
def test_a_short_secret_is_refused_without_being_shown(name):
    with pytest.raises(BadSettings) as refused:
        load({**SECRETS, name: "tooshort"})

    assert "32 characters" in str(refused.value)
    assert "tooshort" not in str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("PARVIS_MAIL__ULR", "PARVIS_MAIL__URL"),
        ("PARVIS_CAPTCHA__LOGIM", "PARVIS_CAPTCHA__LOGIN"),
        ("PARVIS_DATABASE", "PARVIS_DATABASE_URL"),
        ("PARVIS_ISUER", "PARVIS_ISSUER"),
    ],
)
def test_an_unknown_variable_stops_the_start_with_the_nearest_known_name(wrong, nearest):
    with pytest.raises(BadSettings) as refused:
        load({**SECRETS, wrong: "x"})

    assert "P-9001" in str(refused.value)
    assert wrong in str(refused.value)
    assert nearest in str(refused.value)


def test_an_unknown_name_in_the_file_stops_the_start_with_the_nearest_known_name(file):
    with pytest.raises(BadSettings) as refused:
        load(file('[mail]\nsendr = "x@example.org"\n'))

    assert "mail.sendr" in str(refused.value)
    assert "mail.sender" in str(refused.value)


def test_variables_of_other_programs_are_nobody_s_business():
    assert load({**SECRETS, "PATH": "/bin", "PARVISO": "x"}).issuer == "http://127.0.0.1:8000"


def test_the_environment_is_stronger_than_the_file(file):
    environment = file('issuer = "https://a.example"\n[captcha]\nlogin = "off"\nprovider = "altcha"\n')

    settings = load({**environment, "PARVIS_CAPTCHA__LOGIN": "after-failures"})

    assert settings.issuer == "https://a.example"
    assert settings.captcha.login == "after-failures"
    assert settings.captcha.provider == "altcha"


def test_secret_files_stand_between_the_file_and_the_environment(file, tmp_path):
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "mail__url").write_text("smtp://secret.example:25\n")
    environment = {**file('[mail]\nurl = "smtp://file.example:25"\n'), "PARVIS_SECRETS_DIR": str(folder)}

    assert load(environment).mail.url.get_secret_value() == "smtp://secret.example:25"
    stronger = {**environment, "PARVIS_MAIL__URL": "smtp://env.example:25"}
    assert load(stronger).mail.url.get_secret_value() == "smtp://env.example:25"


def test_an_unknown_secret_file_stops_the_start(tmp_path):
    (tmp_path / "mail__ulr").write_text("x")

    with pytest.raises(BadSettings, match=r"mail\.url"):
        load({**SECRETS, "PARVIS_SECRETS_DIR": str(tmp_path)})


def test_the_demo_s_own_settings_give_way_to_the_environment():
    settings = load(
        {**SECRETS, "PARVIS_ISSUER": "https://b.example"}, base={"issuer": "http://127.0.0.1:8000"}
    )

    assert settings.issuer == "https://b.example"


@pytest.mark.parametrize("content", ["issuer = ", "\x00", "[mail\n"])
def test_a_broken_file_is_named(file, content):
    with pytest.raises(BadSettings, match=r"parvis\.toml"):
        load(file(content))


def test_a_file_that_is_named_must_exist(tmp_path):
    with pytest.raises(BadSettings, match="does not exist"):
        load({**SECRETS, "PARVIS_CONFIG": str(tmp_path / "none.toml")})


@pytest.mark.parametrize(
    "issuer",
    [
        "http://idp.example",
        "https://idp.example/",
        "https://u@idp.example",
        "https://idp.example?x",
        "ftp://x",
        "",
        "https://",
    ],
)
def test_an_issuer_that_no_client_may_trust_is_refused(issuer):
    with pytest.raises(BadSettings, match="issuer"):
        load({**SECRETS, "PARVIS_ISSUER": issuer})


@pytest.mark.parametrize(
    "issuer", ["https://idp.example", "http://127.0.0.1:8000", "http://localhost:9", "https://idp.example/a"]
)
def test_an_issuer_is_https_or_loopback(issuer):
    assert load({**SECRETS, "PARVIS_ISSUER": issuer}).issuer == issuer


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("12h", timedelta(hours=12)),
        ("90d", timedelta(days=90)),
        ("250ms", timedelta(milliseconds=250)),
    ],
)
def test_a_duration_is_a_number_with_its_unit(written, meant):
    settings = load({**SECRETS, "PARVIS_TRUSTED_DEVICE__LIFETIME": written})

    assert settings.trusted_device.lifetime == meant


@pytest.mark.parametrize("written", ["90", "1.5h", "", "d90", "-5m", "5 minutes", "99999999999d"])
def test_a_duration_without_its_unit_is_refused(written):
    with pytest.raises(BadSettings, match=r"trusted_device\.lifetime"):
        load({**SECRETS, "PARVIS_TRUSTED_DEVICE__LIFETIME": written})


def test_settings_are_frozen_and_show_no_secret():
    settings = load({**SECRETS, "PARVIS_MAIL__URL": "smtp://user:hush@mail.example"})

    with pytest.raises(ValidationError):
        settings.issuer = "https://x.example"
    assert "hush" not in repr(settings)
    assert "s" * 32 not in repr(settings)


def test_the_names_that_scripts_set_are_known():
    known = set(names())

    for name in ("issuer", "database_url", "secret_key", "pepper", "keys_dir", "limits.storage", "mail.url",
                 "captcha.provider", "captcha.login", "clients_dir"):  # fmt: skip
        assert name in known
