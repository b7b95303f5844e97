"""What processor and help desk are both told: their database, their broker account and whom to notify."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from configuration.existing_path import ExistingFile

Text = Annotated[str, Field(min_length=1)]
Port = Annotated[int, Field(ge=1, le=65535)]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^/?#\s]+/?$")]


class ServerSettings(BaseModel):
    """Frozen, built once at start; secrets show in no representation."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: Annotated[Text, Field(repr=False)] = "sqlite:///var/healthmon.db"
    database_password: SecretStr | None = None
    rabbitmq_host: Text = "127.0.0.1"
    rabbitmq_port: Port = 5672
    rabbitmq_user: Text
    rabbitmq_password: SecretStr
    rabbitmq_virtual_host: Text = "/"
    notifications_file: ExistingFile = Path("/etc/healthmon/notifications.toml")  # must be there when it is named

    @property
    def database_secret(self) -> str | None:
        return self.database_password.get_secret_value() if self.database_password else None
