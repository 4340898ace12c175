"""The request for option parameters: which expiries and strikes an ETF's options have."""

from futures_pipeline.simulator.gateway.session import ClientSession
from futures_pipeline.simulator.market.universe import FIXED_CON_IDS
from futures_pipeline.simulator.options.chain import EXCHANGES, MULTIPLIER, all_strikes, expiries
from futures_pipeline.simulator.protocol import messages
from futures_pipeline.simulator.protocol.wire import Cursor, Refused


def option_parameters(session: ClientSession, request_id: int, cursor: Cursor) -> None:
    """Send the same expiries and strikes for each exchange; none where there are no options.

    Strikes are those of all expiries together, as at the real broker: not every expiry has
    every strike.
    """
    symbol, _exchange, _sec_type = cursor.text(), cursor.text(), cursor.text()
    con_id = cursor.integer()
    if FIXED_CON_IDS.get(symbol) != con_id:
        raise Refused(200, "No security definition has been found for the request")
    board = session.broker.options.board(session.broker.now())
    if symbol in board.levels:
        days = [f"{day:%Y%m%d}" for day in expiries(symbol, board.today, board.regular)]
        strikes = all_strikes(symbol, board)
        for exchange in EXCHANGES:
            chain = (exchange, con_id, symbol, MULTIPLIER)
            session.send(messages.option_parameters(request_id, chain, days, strikes))
    session.send(messages.option_parameters_end(request_id))
