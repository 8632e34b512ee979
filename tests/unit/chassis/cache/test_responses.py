from __future__ import annotations

from dataclasses import dataclass

from roadworthy.chassis.cache.responses import ResponseStore


@dataclass
class Entry:
    size_bytes: int
    expires: float = 100.0
    uses: int = 0
    uses_seen: int = 0


def test_the_oldest_unused_makes_room() -> None:
    dropped: list[Entry] = []
    store: ResponseStore[str, Entry] = ResponseStore(800, dropped.append)
    for name in "abcdefgh":
        assert store.put(name, Entry(100))
    used = store.entries["a"]
    used.uses += 1
    store.put("i", Entry(100))
    assert sorted(store.entries) == list("acdefghi")
    assert (store.size_bytes, store.evictions, len(dropped)) == (800, 1, 1)
    store.put("j", Entry(100))
    store.put("k", Entry(100))
    assert "a" in store.entries, "a use is good for one turn"
    for name in "lmnopqr":
        store.put(name, Entry(100))
    assert "a" not in store.entries


def test_what_is_too_large_is_not_kept_and_replaces_what_was() -> None:
    store: ResponseStore[str, Entry] = ResponseStore(800)
    store.put("a", Entry(100))
    assert not store.put("a", Entry(101))
    assert (store.entries, store.size_bytes) == ({}, 0)


def test_growth_is_accounted_for_while_it_is_kept() -> None:
    store: ResponseStore[str, Entry] = ResponseStore(800)
    first, second = Entry(100), Entry(100)
    store.put("a", first)
    store.put("b", second)
    store.grow("b", second, 650)
    assert list(store.entries) == ["b"]
    assert store.size_bytes == 750
    store.drop("b")
    store.grow("b", second, 50)
    assert store.size_bytes == 0


def test_everything_used_is_still_bounded() -> None:
    store: ResponseStore[int, Entry] = ResponseStore(800)
    for number in range(100):
        store.put(number, Entry(100, uses=1))
    assert store.size_bytes == 800


def test_what_is_over_goes() -> None:
    store: ResponseStore[str, Entry] = ResponseStore(800)
    store.put("a", Entry(100, expires=5.0))
    store.put("b", Entry(100, expires=6.0))
    store.tidy(5.0)
    assert list(store.entries) == ["b"]
    assert store.size_bytes == 100
