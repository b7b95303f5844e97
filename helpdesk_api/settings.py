"""What the help desk is told at its start."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from configuration.addresses import is_loopback
from configuration.reader import read_settings
from configuration.servers import HttpUrl, Port, ServerSettings, Text
from rabbitmq.connection import BrokerAddress
from rabbitmq.topology import HELPDESK_USER

CONFIG_FILE = Path("/etc/healthmon/helpdesk.toml")


class Settings(ServerSettings):
    """`listen` is where this process listens, `bind` where the user publishes it: of a container, another address."""

    rabbitmq_user: Text = HELPDESK_USER
    rabbitmq_password: SecretStr = SecretStr(HELPDESK_USER)
    listen: Text = "127.0.0.1"
    port: Port = 8000
    bind: Text = "127.0.0.1"
    public_url: HttpUrl | None = None
    admin_key_file: Path = Path("var/run/admin.key")

    @property
    def broker(self) -> BrokerAddress:
        password = self.rabbitmq_password.get_secret_value()
        return BrokerAddress(
            self.rabbitmq_host, self.rabbitmq_port, self.rabbitmq_user, password, self.rabbitmq_virtual_host
        )

    @property
    def keyless(self) -> bool:
        """Whether the service is published on this machine only, so that people need no key.

        Who listens on other addresses must say it by `bind`: its default says nothing of them.
        """
        return is_loopback(self.bind) and (is_loopback(self.listen) or "bind" in self.model_fields_set)


def load_settings(environment: Mapping[str, str], config_file: Path = CONFIG_FILE) -> Settings:
    """Raises configuration.reader.ConfigError with every problem found."""
    return read_settings(Settings, environment, config_file)
