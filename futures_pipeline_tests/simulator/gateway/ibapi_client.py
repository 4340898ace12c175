"""A second, independent client in a process of its own: prints what it received as JSON.

Uses ``ibapi`` (the package ibapi-stable), which decodes every field by itself.
"""
# ruff: noqa: ARG002 - the client calls these methods by position with all that it decoded

import json
import sys
import threading
from typing import Any

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.wrapper import EWrapper


class Judge(EWrapper, EClient):
    """Counts what arrives and says when everything that was asked for is there."""

    def __init__(self) -> None:
        EWrapper.__init__(self)
        EClient.__init__(self, self)
        self.seen: dict[str, Any] = {"details": [], "history": 0, "ticks": [], "bars": 0}
        self.errors: list[tuple[int, int, str]] = []
        self.ready = threading.Event()
        self.complete = threading.Event()

    def nextValidId(self, orderId: int) -> None:
        self.ready.set()

    def error(self, reqId: int, errorTime: int, code: int, text: str, reject: str = "") -> None:
        if not 2100 <= code < 2200:
            self.errors.append((reqId, code, text))

    def contractDetails(self, reqId: int, contractDetails: Any) -> None:
        self.seen["details"].append(contractDetails.contract.localSymbol)

    def historicalData(self, reqId: int, bar: Any) -> None:
        self.seen["history"] += 1

    def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:
        self.seen["history_end"] = [start, end]

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        self._tick(tickType)

    def tickSize(self, reqId: int, tickType: int, size: Any) -> None:
        self._tick(tickType)

    def _tick(self, kind: int) -> None:
        if kind not in self.seen["ticks"]:
            self.seen["ticks"].append(kind)

    def realtimeBar(self, reqId: int, *values: Any) -> None:
        self.seen["bars"] += 1
        if self.seen["bars"] == 3:
            self.complete.set()


def main(port: int) -> None:
    judge = Judge()
    judge.connect("127.0.0.1", port, 11)
    threading.Thread(target=judge.run, daemon=True).start()
    judge.ready.wait(10)
    future = Contract()
    future.symbol, future.secType, future.exchange = "ES", "FUT", "CME"
    stock = Contract()
    stock.symbol, stock.secType, stock.exchange, stock.currency = "SPY", "STK", "SMART", "USD"
    judge.reqContractDetails(1, future)
    judge.reqHistoricalData(2, stock, "", "1 D", "1 min", "TRADES", 0, 2, False, [])
    judge.reqMktData(3, stock, "233", False, False, [])
    judge.reqRealTimeBars(4, stock, 5, "TRADES", False, [])
    judge.seen["complete"] = judge.complete.wait(20)
    judge.seen["version"] = judge.serverVersion()
    judge.seen["errors"] = judge.errors
    sys.stdout.write(json.dumps(judge.seen))
    judge.disconnect()


if __name__ == "__main__":
    main(int(sys.argv[1]))
