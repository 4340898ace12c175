"""Settings: one TOML file, then ``FUTURES_PIPELINE_*`` variables, refused early when wrong.

``gateway.port`` in the file is ``FUTURES_PIPELINE_GATEWAY_PORT`` in the environment.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from futures_pipeline.config.section import Section
from futures_pipeline.config.settings import Settings
from futures_pipeline.domain.clock import parse_clock
from futures_pipeline.domain.errors import ConfigurationError, DataDirectoryError, UnknownSymbol

PREFIX = "FUTURES_PIPELINE_"
CONFIG_FILE = "futures_pipeline.toml"
# Variables that are no key of the file.
OTHER_VARIABLES = frozenset({"DATA", "CONFIG", "CLOCK", "RECORDED_DATA", "ALERT_URLS"})
# The tables of the file: those fields of Settings that are sections.
SECTIONS = tuple(
    name for name, field in Settings.model_fields.items() if isinstance(field.default, Section)
)


def load_settings(
    *,
    config: Path | None = None,
    data: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """Return the settings of this process: defaults, then file, then environment.

    Args:
        config: a file that must exist; None takes ``FUTURES_PIPELINE_CONFIG`` or, if it is
            there, ``futures_pipeline.toml`` in the working directory.
        data: the data directory; None takes ``FUTURES_PIPELINE_DATA`` or ``data``.
        environment: the variables of the process.

    Raises:
        ConfigurationError: a key, its value, and what is allowed.
    """
    document = _read_file(config, environment)
    for name, value in environment.items():
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in OTHER_VARIABLES:
            section, key = _key_of_variable(name)
            document.setdefault(section, {})[key] = value
    directory = data or Path(environment.get(f"{PREFIX}DATA") or "data")
    clock_text = environment.get(f"{PREFIX}CLOCK", "")
    parse_clock(clock_text)
    try:
        return Settings.model_validate(
            {**document, "data": directory.absolute(), "clock_text": clock_text}
        )
    except ValidationError as error:
        raise _readable(error) from error


def writable_directory(directory: Path) -> Path:
    """Create ``directory`` if needed and return it.

    Raises:
        DataDirectoryError: it cannot be created or written.
    """
    probe = directory / ".write_test"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise DataDirectoryError(
            f"data directory {directory}: cannot be written ({error.strerror or error}); "
            f"make it writable, or choose another with --data or {PREFIX}DATA"
        ) from error
    return directory


def _read_file(config: Path | None, environment: Mapping[str, str]) -> dict[str, Any]:
    named = config or (
        Path(environment[f"{PREFIX}CONFIG"]) if environment.get(f"{PREFIX}CONFIG") else None
    )
    path = named or Path(CONFIG_FILE)
    if named is None and not path.exists():
        return {}
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            "config file", str(path), f"readable ({error.strerror})"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError("config file", str(path), f"valid TOML ({error})") from error
    for section, content in document.items():
        if section not in SECTIONS or not isinstance(content, dict):
            raise ConfigurationError(
                f"{path.name}", section, f"a table, one of [{'], ['.join(SECTIONS)}]"
            )
    return document


def _key_of_variable(name: str) -> tuple[str, str]:
    section, _, key = name.removeprefix(PREFIX).lower().partition("_")
    known = [
        f"{PREFIX}{table}_{field}".upper()
        for table in SECTIONS
        for field in Settings.model_fields[table].default.__class__.model_fields
    ]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1) or [
            "one listed in docs/configuration.md"
        ]
        raise ConfigurationError("environment variable", name, near[0])
    return section, key


def _readable(error: ValidationError) -> ConfigurationError | UnknownSymbol:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
    allowed = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    if first["type"] == "too_short":
        allowed = "one or more, separated by commas"
    if first["type"] == "extra_forbidden":
        section = first["loc"][0]
        fields = Settings.model_fields[str(section)].default.__class__.model_fields
        return ConfigurationError("key", key, f"one of {section}.{{{', '.join(fields)}}}")
    return ConfigurationError(key, first["input"], allowed)
