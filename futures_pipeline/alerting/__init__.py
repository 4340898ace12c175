"""Alerts: what is wrong now becomes messages in an outbox, and the outbox is delivered.

The one home of ``apprise``. What is wrong is decided by those who call it.
"""

from futures_pipeline.alerting.conditions import Condition, Severity
from futures_pipeline.alerting.delivery import deliver
from futures_pipeline.alerting.outbox import Outbox
from futures_pipeline.alerting.targets import Target, alert_targets

__all__ = ["Condition", "Outbox", "Severity", "Target", "alert_targets", "deliver"]
