"""The tables of the collector's database: its queue of requests and its spooled batches."""

from datetime import UTC, datetime

import sqlalchemy as sa


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC time; kept without zone because SQLite has none."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: object) -> datetime | None:
        del dialect
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: object) -> datetime | None:
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)


METADATA = sa.MetaData()
REQUESTS = sa.Table(
    "requests",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("symbol", sa.String, nullable=False),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("identity", sa.String, unique=True),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("not_before", UtcTime, nullable=False),
    sa.Column("error_kind", sa.String),
    sa.Column("error_message", sa.String),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
    sa.Index("requests_by_claim", "status", "priority", "id"),
    sqlite_autoincrement=True,
)
BATCHES = sa.Table(
    "batches",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("table_name", sa.String, nullable=False),
    sa.Column("session_date", sa.Date, nullable=False),
    sa.Column("row_count", sa.Integer, nullable=False),
    sa.Column("observed_from", UtcTime),
    sa.Column("observed_to", UtcTime),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("checksum", sa.BigInteger),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Index("batches_by_partition", "table_name", "session_date", "seq"),
    sqlite_autoincrement=True,
)
LEDGER = sa.Table(
    "ledger",
    METADATA,
    sa.Column("contract", sa.String, primary_key=True),
    sa.Column("session_date", sa.Date, primary_key=True),
    sa.Column("symbol", sa.String, nullable=False),
    sa.Column("states", sa.LargeBinary, nullable=False),
)
