from __future__ import annotations

import asyncio
import time

import pytest
from redis.exceptions import ResponseError

from roadworthy.chassis.cache.shared import SharedTier, SharedTierDown

pytestmark = pytest.mark.anyio


async def test_commands_reach_the_server(valkey_url: str) -> None:
    tier = SharedTier(valkey_url)
    await tier.ping()
    await tier.run(tier.client.set("key", "value"))
    assert await tier.run(tier.client.get("key")) == b"value"
    assert not is_down(tier)
    await tier.close()


async def test_a_wrong_command_is_an_error_and_no_outage(valkey_url: str) -> None:
    tier = SharedTier(valkey_url)
    await tier.run(tier.client.set("key", "value"))
    with pytest.raises(ResponseError):
        await tier.run(tier.client.lpush("key", "value"))
    assert not is_down(tier)
    await tier.close()


def is_down(tier: SharedTier) -> bool:
    """A call, for the type checker takes an attribute to stay as it was asserted."""
    return tier.down


async def test_a_server_that_is_gone_is_remembered_as_gone_and_asked_again_after() -> None:
    tier = SharedTier("redis://127.0.0.1:1/0", down_seconds=0.05)
    with pytest.raises(SharedTierDown):
        await tier.run(tier.client.get("key"))
    assert is_down(tier)
    started = time.monotonic()
    for _ in range(200):
        with pytest.raises(SharedTierDown):
            await tier.run(tier.client.get("key"))
    assert time.monotonic() - started < 1
    await asyncio.sleep(0.06)
    assert not is_down(tier)
    await tier.close()


async def test_a_server_that_does_not_answer_holds_up_nobody_for_long() -> None:
    gone: list[asyncio.Event] = []

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = asyncio.Event()
        gone.append(left)
        while await reader.read(1024):
            pass
        writer.close()
        left.set()

    server = await asyncio.start_server(ignore, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tier = SharedTier(f"redis://127.0.0.1:{port}/0", command_timeout_seconds=0.05)
    with pytest.raises(SharedTierDown):
        await asyncio.wait_for(tier.run(tier.client.get("key")), 5)
    assert tier.down
    await tier.close()
    server.close()
    await asyncio.gather(*(event.wait() for event in gone))


async def test_a_pool_that_is_busy_is_no_reason_to_wait(valkey_url: str) -> None:
    tier = SharedTier(valkey_url, command_timeout_seconds=0.05, connections=1)
    blocking = asyncio.ensure_future(tier.client.blpop(["nothing"], timeout=1))
    await asyncio.sleep(0.02)
    with pytest.raises(SharedTierDown):
        await tier.run(tier.client.get("key"))
    blocking.cancel()
    await asyncio.wait([blocking])
    await tier.close()
