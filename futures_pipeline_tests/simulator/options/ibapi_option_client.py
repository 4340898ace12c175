"""The broker's own client asks for options: prints what it received as JSON.

Arguments: the port, and the highest server version to agree on.
"""
# ruff: noqa: ARG002 - the client calls these methods by position with all that it decoded

import json
import sys
import threading
from typing import Any

from ibapi import client
from ibapi.contract import Contract
from ibapi.wrapper import EWrapper


class Judge(EWrapper, client.EClient):
    """Keeps what arrives and says when the model's computation is there."""

    def __init__(self) -> None:
        EWrapper.__init__(self)
        client.EClient.__init__(self, self)
        self.details: list[tuple[str, float, str]] = []
        self.exchanges: dict[str, list[str]] = {}
        self.ticks: set[int] = set()
        self.computations: dict[int, tuple[float, float, float]] = {}
        self.errors: list[tuple[int, int, str]] = []
        self.ready, self.complete = threading.Event(), threading.Event()
        self.listed, self.told = threading.Event(), threading.Event()

    def nextValidId(self, orderId: int) -> None:
        self.ready.set()

    def error(self, reqId: int, errorTime: int, code: int, text: str, reject: str = "") -> None:
        if not 2100 <= code < 2200:
            self.errors.append((reqId, code, text))

    def contractDetails(self, reqId: int, contractDetails: Any) -> None:
        it = contractDetails.contract
        self.details.append((it.localSymbol, it.strike, it.right))

    def contractDetailsEnd(self, reqId: int) -> None:
        self.listed.set()

    def securityDefinitionOptionParameter(
        self, reqId: int, exchange: str, underlying: int, name: str, multiplier: str, *sets: Any
    ) -> None:
        self.exchanges[exchange] = sorted(sets[0])

    def securityDefinitionOptionParameterEnd(self, reqId: int) -> None:
        self.told.set()

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        self.ticks.add(tickType)

    def tickSize(self, reqId: int, tickType: int, size: Any) -> None:
        self.ticks.add(tickType)

    def tickOptionComputation(self, reqId: int, tickType: int, *values: Any) -> None:
        _, implied_vol, delta, *_, under = values
        self.computations[tickType] = (implied_vol, delta, under)
        if tickType == 13:
            self.complete.set()


def main(port: int, version: int) -> None:
    client.MAX_CLIENT_VER = version
    judge = Judge()
    judge.connect("127.0.0.1", port, 12)
    threading.Thread(target=judge.run, daemon=True).start()
    judge.ready.wait(10)
    option = Contract()
    option.symbol, option.secType, option.exchange, option.currency = "SPY", "OPT", "SMART", "USD"
    option.lastTradeDateOrContractMonth, option.strike = "20250214", 480.0
    judge.reqSecDefOptParams(1, "SPY", "", "STK", 756733)
    judge.reqContractDetails(2, option)
    judge.told.wait(10)
    judge.listed.wait(10)
    option.right, option.multiplier, option.tradingClass = "C", "100", "SPY"
    judge.reqMktData(3, option, "100,101,106", False, False, [])
    seen = {
        "complete": judge.complete.wait(20),
        "version": judge.serverVersion(),
        "details": judge.details,
        "exchanges": list(judge.exchanges),
        "expiries": judge.exchanges.get("SMART", []),
        "ticks": sorted(judge.ticks),
        "computations": judge.computations,
        "errors": judge.errors,
    }
    sys.stdout.write(json.dumps(seen))
    judge.disconnect()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
