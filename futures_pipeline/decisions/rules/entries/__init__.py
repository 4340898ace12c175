"""The entry rules, a file each family; every file here is found by itself.

To add a rule, add one file with a tuple ``RULES``::

    from futures_pipeline.decisions.rules.conditions import below, one_of
    from futures_pipeline.decisions.rules.quantities import IV_RANK, OUTLOOK
    from futures_pipeline.decisions.rules.rule import Entry, Family, Rule
    from futures_pipeline.decisions.rules.strategies import LONG_CALL_SPREAD
    from futures_pipeline.decisions.signals.words import Direction

    RULES = (
        Rule(
            name="CheapCallsEntry",
            priority=7,
            family=Family.ENHANCED,
            conditions=(one_of(OUTLOOK, "bullish"), below(IV_RANK, 10.0)),
            entry=lambda context: Entry(
                Direction.BULLISH, LONG_CALL_SPREAD, 0.5, 0.6, "calls are cheap"
            ),
        ),
    )

The rule then takes its place by priority, family and the name of its file; its conditions,
values and distances are in every decision's trace. Rules of the families ``RISK`` and
``FUTURES`` run in shadow until the pair's predictive value is USEFUL. A quantity that no rule
has asked about yet is one line: ``Quantity("VIX", lambda context: context.vix)``.
"""
