"""The processor's settings: defaults, then /etc/healthmon/processor.toml, then HEALTHMON_* in the environment."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from rabbitmq.connection import BrokerAddress
from rabbitmq.topology import PROCESSOR_USER

SETTINGS_FILE = Path("/etc/healthmon/processor.toml")


class ConfigurationError(Exception):
    """Settings nobody can start with; the text names every problem with its key."""


class Settings(BaseSettings):
    """Frozen, built once at start. A secret may also come from the file that `<KEY>_FILE` names."""

    model_config = SettingsConfigDict(env_prefix="HEALTHMON_", toml_file=SETTINGS_FILE, extra="ignore", frozen=True)

    database_url: str = "sqlite:///var/healthmon.db"
    database_password: SecretStr | None = None
    database_password_file: Path | None = None
    rabbitmq_host: str = "127.0.0.1"
    rabbitmq_port: Annotated[int, Field(ge=1, le=65535)] = 5672
    rabbitmq_user: str = PROCESSOR_USER
    rabbitmq_password: SecretStr = SecretStr(PROCESSOR_USER)
    rabbitmq_password_file: Path | None = None
    rabbitmq_virtual_host: str = "/"
    public_url: str = "http://localhost:8000"
    retention_hours: Annotated[float, Field(gt=0, le=24 * 366)] = 24 * 7

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 the base class sets the signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def broker(self) -> BrokerAddress:
        password = _secret(self.rabbitmq_password, self.rabbitmq_password_file)
        return BrokerAddress(
            self.rabbitmq_host, self.rabbitmq_port, self.rabbitmq_user, password or "", self.rabbitmq_virtual_host
        )

    def database_secret(self) -> str | None:
        return _secret(self.database_password, self.database_password_file)


def load_settings() -> Settings:
    """Read all sources; raises ConfigurationError with every problem at once."""
    try:
        settings = Settings()
        settings.broker()
        settings.database_secret()
    except ValidationError as error:
        raise ConfigurationError("\n".join(_sentences(error))) from None
    except OSError as error:
        raise ConfigurationError(f"cannot read the secret file {error.filename}: {error.strerror}") from None
    return settings


def _secret(value: SecretStr | None, file: Path | None) -> str | None:
    if file is not None:
        return file.read_text("utf-8").strip()
    return value.get_secret_value() if value is not None else None


def _sentences(error: ValidationError) -> list[str]:
    """One sentence a problem; the value stays out, it may be a secret."""
    return [
        f"HEALTHMON_{str(problem['loc'][0]).upper()} (or {problem['loc'][0]} in {SETTINGS_FILE}): {problem['msg']}"
        for problem in error.errors(include_input=False, include_url=False)
    ]
