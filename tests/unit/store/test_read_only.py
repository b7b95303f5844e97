"""A PostgreSQL that may only be read, as after a failover: its driver calls that an internal error."""

from pathlib import Path

import pytest
from psycopg.errors import InternalError_, ReadOnlySqlTransaction
from sqlalchemy import exc

from store.engine import StoreUnavailable, open_engine, transaction


@pytest.mark.parametrize(
    ("cause", "becomes"),
    [
        (ReadOnlySqlTransaction("cannot execute UPDATE in a read-only transaction"), StoreUnavailable),
        (InternalError_("a mistake of this program"), exc.InternalError),
    ],
)
def test_a_standby_is_a_database_that_is_away(tmp_path: Path, cause: Exception, becomes: type[Exception]) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    with pytest.raises(becomes, match=str(cause)), transaction(engine):
        raise exc.InternalError("UPDATE fence", {}, cause)
