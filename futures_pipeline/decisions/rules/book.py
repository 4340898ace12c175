"""All rules, found by folder and put in their one order."""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Sequence
from types import ModuleType

from futures_pipeline.decisions.rules import entries
from futures_pipeline.decisions.rules.rule import Rule
from futures_pipeline.domain.errors import ConfigurationError


def rules_in(package: ModuleType) -> tuple[Rule, ...]:
    """Return the rules of a package's files, files by name, rules as each file lists them.

    Raises:
        ConfigurationError: a file cannot be imported, or has no tuple ``RULES`` of rules.
    """
    found: list[Rule] = []
    for file in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
        name = f"{package.__name__}.{file}"
        try:
            rules = getattr(importlib.import_module(name), "RULES", None)
        except (ImportError, SyntaxError, NameError, TypeError, ValueError) as error:
            raise ConfigurationError(name, str(error), "a file that can be imported") from error
        if not isinstance(rules, tuple) or not all(isinstance(rule, Rule) for rule in rules):
            raise ConfigurationError(f"{name}.RULES", rules, "a tuple of rules")
        found.extend(rules)
    return tuple(found)


def in_order(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return the rules by priority, family and registration; names must be unique.

    Raises:
        ConfigurationError: two rules share a name.
    """
    for name, count in Counter(rule.name for rule in rules).items():
        if count > 1:
            raise ConfigurationError("rule", name, f"the name of one rule; {count} have it")
    return tuple(sorted(rules, key=lambda rule: (rule.priority, rule.family)))


def all_rules() -> tuple[Rule, ...]:
    """Return the rules of the folder ``entries``, in the order they are asked."""
    return in_order(rules_in(entries))
