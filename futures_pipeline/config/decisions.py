"""The table [decisions]."""

from pydantic import Field

from futures_pipeline.config.section import Section


class DecisionSettings(Section):
    """Under which conditions rules act, and how large an entry is."""

    gate: bool = Field(
        True, description="whether rules on futures act only where futures have shown their worth"
    )
    base_contracts: int = Field(
        1, ge=1, le=10_000, description="option contracts of an entry of usual size"
    )
    carry_rate: float = Field(
        0.03,
        ge=-0.1,
        le=0.3,
        description="interest less dividends, an annualised fraction, where no two contracts "
        "imply it",
    )
