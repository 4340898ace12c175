"""Why a connection could not be made, in words for a person."""


def why_unreachable(error: Exception, patience_seconds: float) -> str:
    """Return why a connection could not be made, and what to do."""
    if isinstance(error, ConnectionRefusedError):
        return (
            "nothing listens there; start IB Gateway or TWS with its API enabled, or correct "
            "gateway.host and gateway.port"
        )
    if isinstance(error, TimeoutError):
        return (
            "something accepted the connection but did not answer as an IB Gateway within "
            f"{patience_seconds:g} s; check the port, and whether the Gateway waits at its login "
            "dialog"
        )
    return (
        f"cannot connect ({error or type(error).__name__}); check gateway.host and "
        "gateway.port, and that the Gateway's API is enabled"
    )
