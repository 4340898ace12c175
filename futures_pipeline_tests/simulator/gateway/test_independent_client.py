"""A client of another author reads the simulator without a decoding error."""

import asyncio
import importlib.util
import json
import sys
from pathlib import Path

import pytest

from futures_pipeline_tests.simulator.conftest import Simulated, eventually

needs_ibapi = pytest.mark.skipif(
    importlib.util.find_spec("ibapi") is None,
    reason="ibapi is not installed; pip install ibapi-stable==10.50.2",
)


@needs_ibapi
async def test_ibapi_understands_everything(simulated: Simulated) -> None:
    program = Path(__file__).with_name("ibapi_client.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(program),
        str(simulated.port),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    sessions = simulated.gateway.sessions
    await eventually(lambda: 11 in sessions and len(sessions[11].streams) == 2, 20)
    simulated.clock.advance(15)
    out, err = await asyncio.wait_for(process.communicate(), 30)

    seen = json.loads(out)
    assert seen["version"] == 178
    assert seen["complete"] is True
    assert seen["errors"] == []
    assert seen["details"] == ["ESH5", "ESM5", "ESU5", "ESZ5", "ESH6"]
    assert seen["history"] == 5 * 60 + 40
    assert seen["history_end"][1] == "20250115 09:40:00 US/Eastern"
    assert {1, 2, 4, 6, 7, 9, 14} <= set(seen["ticks"])
    assert seen["bars"] >= 3
    assert b"Traceback" not in err
