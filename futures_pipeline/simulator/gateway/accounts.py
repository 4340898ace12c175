"""Requests about the account: an empty paper account, enough for a client to start."""

from futures_pipeline.simulator.gateway.session import ACCOUNT, FIRST_REQUEST_ID, ClientSession
from futures_pipeline.simulator.protocol import messages
from futures_pipeline.simulator.protocol.wire import Cursor

VALUES = (
    ("AccountType", "INDIVIDUAL", ""),
    ("NetLiquidation", "1000000.00", "USD"),
    ("TotalCashValue", "1000000.00", "USD"),
)


def open_orders(session: ClientSession, _request_id: int, _cursor: Cursor) -> None:
    session.send(messages.open_order_end())


def completed_orders(session: ClientSession, _request_id: int, _cursor: Cursor) -> None:
    session.send(messages.completed_orders_end())


def executions(session: ClientSession, request_id: int, _cursor: Cursor) -> None:
    session.send(messages.executions_end(request_id))


def positions(session: ClientSession, _request_id: int, _cursor: Cursor) -> None:
    session.send(messages.position_end())


def positions_multi(session: ClientSession, request_id: int, _cursor: Cursor) -> None:
    session.send(messages.position_multi_end(request_id))


def account_updates(session: ClientSession, _request_id: int, cursor: Cursor) -> None:
    """Send the account's values; the request to stop them has no answer."""
    if not cursor.flag():
        return
    for tag, value, currency in VALUES:
        session.send(messages.account_value(tag, value, currency, ACCOUNT))
    session.send(messages.account_download_end(ACCOUNT))


def updates_multi(session: ClientSession, request_id: int, _cursor: Cursor) -> None:
    session.send(messages.account_multi_end(request_id))


def summary(session: ClientSession, request_id: int, _cursor: Cursor) -> None:
    for tag, value, _currency in VALUES:
        session.send(messages.account_summary(request_id, ACCOUNT, tag, value))
    session.send(messages.account_summary_end(request_id))


def next_id(session: ClientSession, _request_id: int, _cursor: Cursor) -> None:
    session.send(messages.next_valid_id(FIRST_REQUEST_ID))


def managed_accounts(session: ClientSession, _request_id: int, _cursor: Cursor) -> None:
    session.send(messages.managed_accounts(ACCOUNT))


def current_time(session: ClientSession, _request_id: int, _cursor: Cursor) -> None:
    session.send(messages.current_time(int(session.broker.now().timestamp())))
