"""The program as a process: ready line, clean end, one sentence for wrong input."""

import asyncio
import json
import signal
import sys

import pytest

from futures_pipeline_tests.simulator.conftest import REPOSITORY, client


async def started(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "futures_pipeline.simulator",
        *arguments,
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_when_it_is_ready_and_ends_cleanly(number: signal.Signals) -> None:
    process = await started("--port", "0", "--control-port", "0", "--seed", "3")
    assert process.stdout is not None
    ready = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))

    assert ready["ready"] is True
    async with client(ready["port"]) as ib:
        assert ib.client.serverVersion() == 178
        process.send_signal(number)
        _, err = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0
    assert b"Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--clock", "yesterday"), "clock: 'yesterday' is not allowed"),
        (("--clock", "2009-01-15T14:40:00+00:00@1e12*1"), "load a wider calendar"),
        (("--recorded", "no/such/folder"), "does not exist"),
        (("--describe", "--recorded", "no/such/folder"), "does not exist"),
        (("--seed", "x"), "Invalid value for '--seed'"),
        (("--limits", "x"), "Invalid value for '--limits'"),
    ],
)
async def test_wrong_input_is_one_sentence_and_code_two(
    arguments: tuple[str, ...], sentence: str
) -> None:
    process = await started(*arguments)
    out, err = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == 2
    assert sentence in err.decode()
    assert b"Traceback" not in err
    assert out == b""


async def test_a_taken_port_is_one_sentence() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = await started("--port", str(port))
    _, err = await asyncio.wait_for(process.communicate(), 30)
    server.close()
    await server.wait_closed()

    assert process.returncode == 2
    assert f"port {port} of 127.0.0.1: cannot listen" in err.decode()
