"""The shared tier watched by Sentinel, and spread over a cluster: the same binary in other roles."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from tests.processes import free_port, wait_until

from roadworthy.chassis.cache.clients import parsed
from roadworthy.chassis.cache.embedded import program
from roadworthy.chassis.cache.second_level import SecondLevel
from roadworthy.chassis.cache.shared import SharedTier, SharedTierDown
from roadworthy.chassis.limits.limiter import RateLimiter
from roadworthy.chassis.limits.quota import LimitPolicy, Quota
from roadworthy.chassis.processes.lifetime import spawn, stop

PASSWORD = "for-tests"
SLOTS = 16384
API = LimitPolicy("api", (Quota("minute", 5, 60), Quota("hour", 100, 3600)))
SENTINEL = """\
port {port}
dir {folder}
sentinel monitor main 127.0.0.1 {primary} 1
sentinel auth-pass main {password}
sentinel down-after-milliseconds main 300
sentinel failover-timeout main 1000
"""


class Text:
    @staticmethod
    def encode(value: str) -> bytes:
        return value.encode()

    @staticmethod
    def decode(data: bytes) -> str:
        return data.decode()


def serve(stack: ExitStack, folder: Path, *options: str | int) -> tuple[int, subprocess.Popen[bytes]]:
    port = free_port()
    (home := folder / str(port)).mkdir()
    login = ["--requirepass", PASSWORD, "--primaryauth", PASSWORD, "--bind", "127.0.0.1", "--save", ""]
    login += ["--repl-diskless-sync-delay", "0"]
    command: list[str | Path] = [program(), "--port", str(port), "--dir", home, *login, *map(str, options)]
    process = spawn(command, output=subprocess.DEVNULL)
    stack.callback(stop, process, signal.SIGKILL, 5)
    client = stack.enter_context(redis.Redis(port=port, password=PASSWORD))
    wait_until(lambda: answers(client), "a server of the test does not start")
    return port, process


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A primary with a replica and a Sentinel over them; its URL, and the primary's process."""
    with ExitStack() as stack:
        primary, process = serve(stack, tmp_path)
        replica, _ = serve(stack, tmp_path, "--replicaof", f"127.0.0.1 {primary}")
        port, file = free_port(), tmp_path / "sentinel.conf"
        file.write_text(SENTINEL.format(port=port, folder=tmp_path, primary=primary, password=PASSWORD))
        sentinel = spawn([program(), file, "--sentinel"], output=subprocess.DEVNULL)
        stack.callback(stop, sentinel, signal.SIGKILL, 5)
        watch = stack.enter_context(redis.Redis(port=port, decode_responses=True))
        wait_until(lambda: answers(watch), "Sentinel does not start")
        wait_until(lambda: knows_replica(watch), "Sentinel does not find the replica", 30)
        del replica
        yield f"redis+sentinel://:{PASSWORD}@127.0.0.1:{port}/main/0", process


def knows_replica(sentinel: redis.Redis) -> bool:
    found = sentinel.execute_command("SENTINEL", "REPLICAS", "main")  # type: ignore[no-untyped-call]  # theirs
    return any("master-link-status" in str(replica) and "'ok'" in str(replica) for replica in found)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """Three nodes with a third of the slots each."""
    with ExitStack() as stack:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", 2000)
        ports = [serve(stack, tmp_path, *options, "--cluster-port", free_port())[0] for _ in range(3)]
        nodes = [stack.enter_context(redis.Redis(port=port, password=PASSWORD)) for port in ports]
        for number, node in enumerate(nodes):
            first, last = SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1
            command(node, "ADDSLOTSRANGE", first, last)
            command(node, "SET-CONFIG-EPOCH", number + 1)
        for port, node in zip(ports[1:], nodes[1:], strict=True):
            bus = node.config_get("cluster-port")["cluster-port"]
            command(nodes[0], "MEET", "127.0.0.1", port, bus)
        wait_until(lambda: all(is_whole(node) for node in nodes), "the cluster does not form", 30)
        yield f"redis+cluster://:{PASSWORD}@127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}"


def command(node: redis.Redis, *words: str | int) -> object:
    return node.execute_command("CLUSTER", *words)  # type: ignore[no-untyped-call]  # theirs


def is_whole(node: redis.Redis) -> bool:
    found = command(node, "INFO")
    text = found if isinstance(found, str) else found.decode() if isinstance(found, bytes) else str(found)
    return "cluster_state:ok" in text.replace("': '", ":") and "known_nodes:3" in text.replace("': '", ":")


@pytest.fixture(params=["cluster", "watched"])
def url(request: pytest.FixtureRequest) -> str:
    found = request.getfixturevalue(request.param)
    return found if isinstance(found, str) else str(found[0])


# Loops of their own: uvloop's waits for ever for connections that a failing test left open.
def test_caches_and_limits_work_alike_on_many_servers(url: str) -> None:
    asyncio.run(use_all(url))


async def use_all(url: str) -> None:
    tier = SharedTier(url)
    level, loads = SecondLevel(tier, namespace="1"), 0

    async def load() -> str:
        nonlocal loads
        loads += 1
        return "loaded"

    async def get(name: int) -> str | None:
        return await level.get(level.address((name,), ("jobs", f"job:{name}")), 60, load, Text(), 5.0)

    for _ in range(2):
        assert [await get(number) for number in range(20)] == ["loaded"] * 20
        await level.close()
    assert loads == 20
    level.changed("change-1", ["job:3", "job:4"])
    await level.settle()
    assert await asyncio.gather(*map(get, range(20))) == ["loaded"] * 20
    assert loads == 22
    await level.close()
    limiter = RateLimiter(API, tier)
    addresses = [f"192.0.2.{number}" for number in range(20)]
    asked = await asyncio.gather(*(limiter.ask(address) for address in addresses * 6))
    assert sum(admitted for admitted, _ in asked) == 100
    assert (limiter.counts_in, tier.outages) == ("shared", 0)
    await tier.close()


def test_a_failover_is_followed(watched: tuple[str, subprocess.Popen[bytes]]) -> None:
    asyncio.run(fail_over(*watched))


async def fail_over(url: str, primary: subprocess.Popen[bytes]) -> None:
    tier = SharedTier(url, down_seconds=0.1)
    try:
        await tier.run(tier.client.set("before", "1"))
        stop(primary, signal.SIGKILL, 5)
        for _ in range(300):
            if await is_served(tier):
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail("the replica did not take over within half a minute")
        assert tier.outages > 0, "so what the cache kept is trusted no more"
    finally:
        await tier.close()


async def is_served(tier: SharedTier) -> bool:
    try:
        return bool(await tier.run(tier.client.set("after", "1")))
    except SharedTierDown:
        return False


@pytest.mark.parametrize(
    ("url", "hosts", "service", "database"),
    [
        ("redis+cluster://a:1,b", (("a", 1), ("b", 6379)), "", 0),
        ("rediss+sentinel://user:p%40ss@a,b:2/main/3", (("a", 26379), ("b", 2)), "main", 3),
    ],
)
def test_urls_of_many_servers(url: str, hosts: tuple[tuple[str, int], ...], service: str, database: int) -> None:
    servers = parsed(url)
    assert servers is not None
    assert (servers.hosts, servers.service, servers.database) == (hosts, service, database)
    if "@" in url:
        assert servers.login == {"username": "user", "password": "p@ss", "ssl": True}
    assert parsed("redis://a:1/0") is None


@pytest.mark.parametrize("url", ["redis+sentinel://a:1", "redis+cluster://", "redis+ring://a", "http+cluster://a"])
def test_urls_that_name_nothing_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="redis"):
        SharedTier(url)
