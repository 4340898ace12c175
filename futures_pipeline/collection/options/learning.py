"""Which options exist: asked of the broker once a session, and only what rounds need."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import ib_async

from futures_pipeline.collection.broker.connection import GatewaySession
from futures_pipeline.collection.normalize import Listed, expiry_date
from futures_pipeline.collection.options.chains import OptionContract, chosen_expiries
from futures_pipeline.collection.options.rows import Computed
from futures_pipeline.domain.errors import RequestFailed

log = logging.getLogger(__name__)

# One of the exchanges a chain is listed at; the others repeat it.
EXCHANGE = "SMART"
MULTIPLIER = "100"
NO_SUCH_CONTRACT = 200


@dataclass(slots=True)
class Chains:
    """What is known of one session's options; it outlives a connection.

    ``last_round`` is the last that was worked to its end, ``refused`` are the contract ids
    that the broker does not serve, ``barred`` the symbols whose options the account may not
    see, with the reason, ``received`` the model's last greeks by contract id with their time.
    """

    session_date: date | None = None
    last_round: datetime | None = None
    expiries: dict[str, list[date]] = field(default_factory=dict)
    contracts: dict[tuple[str, date], list[OptionContract]] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)
    barred: dict[str, str] = field(default_factory=dict)
    received: dict[int, tuple[Computed, datetime]] = field(default_factory=dict)

    def begin(self, session_date: date) -> None:
        """Forget what was known of another session."""
        if session_date != self.session_date:
            self.session_date = session_date
            for known in (self.expiries, self.contracts, self.barred, self.received):
                known.clear()
            self.refused.clear()

    async def learn(
        self, session: GatewaySession, listed: Listed, today: date
    ) -> dict[date, list[OptionContract]]:
        """Return the listed options of an ETF's chosen expiries; one question at a time.

        The broker answers questions for whole chains slowly, so each expiry is asked for by
        itself. Source: https://interactivebrokers.github.io/tws-api/options.html

        Raises:
            RequestFailed: the broker refused or did not answer.
            ConnectionError: the connection is gone.
        """
        symbol = listed.instrument.symbol
        if symbol not in self.expiries:
            chains = await session.option_parameters(symbol, listed.con_id)
            self.expiries[symbol] = listed_expiries(chains, symbol)
        chosen = chosen_expiries(self.expiries[symbol], today)
        for expiry in chosen:
            if (symbol, expiry) not in self.contracts:
                self.contracts[symbol, expiry] = await _contracts(session, symbol, expiry)
        return {
            expiry: [
                option
                for option in self.contracts[symbol, expiry]
                if option.con_id not in self.refused
            ]
            for expiry in chosen
        }


def listed_expiries(chains: Iterable[ib_async.OptionChain], symbol: str) -> list[date]:
    """Return the expiries of an ETF's own options; adjusted ones have another class."""
    found = {
        datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()
        for chain in chains
        if chain.exchange == EXCHANGE and chain.tradingClass == symbol
        for text in chain.expirations
    }
    return sorted(found)


def option_contracts(
    details: Sequence[ib_async.ContractDetails], symbol: str
) -> list[OptionContract]:
    """Return the ETF's own options among what the broker has told."""
    found = []
    for detail in details:
        contract, expiry = detail.contract, expiry_date(detail.realExpirationDate)
        if contract is None or expiry is None:
            continue
        if (contract.tradingClass, contract.multiplier) == (symbol, MULTIPLIER):
            name, right = contract.localSymbol, contract.right[:1]
            found.append(
                OptionContract(
                    symbol, name, contract.conId, expiry, contract.strike, right, contract
                )
            )
    return found


async def _contracts(session: GatewaySession, symbol: str, expiry: date) -> list[OptionContract]:
    wanted = ib_async.Option(
        symbol,
        f"{expiry:%Y%m%d}",
        exchange=EXCHANGE,
        multiplier=MULTIPLIER,
        currency="USD",
        tradingClass=symbol,
    )
    try:
        details = await session.details(wanted)
    except RequestFailed as error:
        if error.code != NO_SUCH_CONTRACT:
            raise
        log.warning("expiry_not_listed symbol=%s expiry=%s", symbol, expiry)
        return []
    found = option_contracts(details, symbol)
    log.info("options_learned symbol=%s expiry=%s contracts=%d", symbol, expiry, len(found))
    return found
