"""What people may do."""

from enum import StrEnum


class Role(StrEnum):
    """What a key may do; each includes the ones before."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
