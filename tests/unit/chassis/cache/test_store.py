from __future__ import annotations

from dataclasses import dataclass

from roadworthy.chassis.cache.store import Store
from roadworthy.chassis.cache.tags import Tags


@dataclass
class Entry:
    size_bytes: int
    keep_until: float = 100.0
    uses: int = 0
    uses_seen: int = 0
    tags: tuple[str, ...] = ()


def test_the_oldest_unused_makes_room() -> None:
    dropped: list[Entry] = []
    store: Store[str, Entry] = Store(800, dropped.append)
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
    store: Store[str, Entry] = Store(800)
    store.put("a", Entry(100))
    assert not store.put("a", Entry(101))
    assert (store.entries, store.size_bytes) == ({}, 0)


def test_growth_is_accounted_for_while_it_is_kept() -> None:
    store: Store[str, Entry] = Store(800)
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
    store: Store[int, Entry] = Store(800)
    for number in range(100):
        store.put(number, Entry(100, uses=1))
    assert store.size_bytes == 800


def test_what_is_over_goes() -> None:
    store: Store[str, Entry] = Store(800)
    store.put("a", Entry(100, keep_until=5.0))
    store.put("b", Entry(100, keep_until=6.0))
    store.tidy(5.0)
    assert list(store.entries) == ["b"]
    assert store.size_bytes == 100


def test_a_dropped_tag_takes_what_is_under_it_and_nothing_else() -> None:
    tags = Tags()
    stores: list[Store[str, Entry]] = [Store(800, tags=tags), Store(800, tags=tags)]
    for store in stores:
        store.put("a", Entry(50, tags=("jobs", "job:1")))
        store.put("b", Entry(50, tags=("jobs",)))
        store.put("c", Entry(50, tags=("companies",)))
    tags.drop(["job:1"])
    assert [list(store.entries) for store in stores] == [["b", "c"]] * 2
    tags.drop(["jobs", "unknown"])
    assert [list(store.entries) for store in stores] == [["c"]] * 2
    assert stores[0].size_bytes == 50
    tags.drop_all()
    assert ([list(store.entries) for store in stores], len(tags)) == ([[]] * 2, 0)


def test_tags_are_forgotten_with_what_was_under_them() -> None:
    tags = Tags()
    store: Store[int, Entry] = Store(800, tags=tags)
    for number in range(100):
        store.put(number, Entry(100, tags=(f"job:{number}",)))
    assert len(tags) == len(store.entries) == 8
    store.put(99, Entry(100, tags=("other",)))
    tags.drop(["job:99"])
    assert 99 in store.entries, "an entry is under the tags that it has now"
