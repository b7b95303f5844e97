"""What the processor is told at its start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from configuration.existing_path import ExistingFolder
from configuration.reader import read_settings
from configuration.servers import HttpUrl, ServerSettings, Text
from rabbitmq.connection import BrokerAddress
from rabbitmq.topology import PROCESSOR_USER

CONFIG_FILE = Path("/etc/healthmon/processor.toml")


class Settings(ServerSettings):
    """`public_url` is the help desk's address in links; older records than `retention_hours` are dropped.

    `rules_dir` is a folder with rules of one's own, watched while it runs.
    """

    rabbitmq_user: Text = PROCESSOR_USER
    rabbitmq_password: SecretStr = SecretStr(PROCESSOR_USER)
    public_url: HttpUrl = "http://localhost:8000"
    retention_hours: Annotated[float, Field(gt=0, le=24 * 366)] = 24 * 7
    rules_dir: ExistingFolder | None = None

    @property
    def broker(self) -> BrokerAddress:
        password = self.rabbitmq_password.get_secret_value()
        return BrokerAddress(
            self.rabbitmq_host, self.rabbitmq_port, self.rabbitmq_user, password, self.rabbitmq_virtual_host
        )


def load_settings(environment: Mapping[str, str], config_file: Path = CONFIG_FILE) -> Settings:
    """Raises configuration.reader.ConfigError with every problem found."""
    return read_settings(Settings, environment, config_file)
