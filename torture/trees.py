"""JSON, written with what Python's own writer refuses, and mutated by its structure."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

from .palette import RAW, pick_value

Path = tuple[Any, ...]


class Pairs:
    """A JSON object whose keys may come twice."""

    def __init__(self, items: list[tuple[str, Any]]) -> None:
        self.items = items


def write_json(value: Any) -> str:
    """`value` as JSON, surrogates and NaN included; texts of `RAW` are written as what they stand for."""
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{json.dumps(key)}:{write_json(each)}" for key, each in value.items) + "}"
    text = json.dumps(value)
    for name, raw in RAW.items():
        text = text.replace(json.dumps(name), raw)
    return text


def mutate_tree(random: Random, tree: Any, times: int = 1) -> Any:
    """A copy of `tree` with some of its values replaced, removed, doubled, moved or wrapped."""
    box = {"": copy.deepcopy(tree)}
    for _ in range(times):
        path = random.choice(list(_list_paths(box, (), 400))[1:] or [("",)])
        parent, key = _find(box, path[:-1]), path[-1]
        _change(random, box, parent, key)
    return box.get("")


def list_smaller(tree: Any) -> Iterator[Any]:
    """Trees that are a step smaller than `tree`: without one value, or with it shortened."""
    for path in list(_list_paths({"": tree}, (), 2000))[1:]:
        if len(path) > 1:
            yield _edit(tree, path[1:], remove=True)
        value = _find(tree, path[1:])
        if isinstance(value, str) and len(value) > 1:
            for cut in (value[: len(value) // 2], value[len(value) // 2 :], value[:-1]):
                yield _edit(tree, path[1:], cut)
        elif isinstance(value, (list, dict)) and len(value) > 3:
            half = len(value) // 2
            yield _edit(tree, path[1:], value[:half] if isinstance(value, list) else dict(list(value.items())[:half]))
            yield _edit(tree, path[1:], value[half:] if isinstance(value, list) else dict(list(value.items())[half:]))


def _change(random: Random, box: Any, parent: Any, key: Any) -> None:
    value = parent[key]
    choice = random.randrange(10)
    if choice == 0 and len(parent) > 0 and parent is not box:
        del parent[key]
    elif choice == 1 and isinstance(parent, list):
        parent.insert(random.randrange(len(parent) + 1), copy.deepcopy(value))
    elif choice == 2 and isinstance(parent, dict) and parent is not box:
        parent[random.choice(list(parent)) if random.random() < 0.5 else f"{key}x"] = copy.deepcopy(value)
    elif choice == 3:
        parent[key] = random.choice(([value], {"a": value}, [value, value], str(value), [value] * 50))
    elif choice == 4 and isinstance(value, (int, float)):
        parent[key] = random.choice((-value, value + 1, value - 1, value * 1000, str(value), float(value)))
    elif choice == 5 and isinstance(value, str):
        at = random.randrange(len(value) + 1)
        parent[key] = value[:at] + random.choice(("", "\0", "\ud800", "=>", "{}", ",", "9" * 20, "é")) + value[at + 1 :]
    else:
        parent[key] = pick_value(random)


def _list_paths(tree: Any, start: Path, most: int) -> Iterator[Path]:
    """Where each value lies, `most` of them at most."""
    waiting, found = [(start, tree)], 0
    while waiting and found < most:
        path, value = waiting.pop()
        yield path
        found += 1
        children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        waiting += [((*path, key), each) for key, each in list(children)[:100]]


def _find(tree: Any, path: Path) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _edit(tree: Any, path: Path, value: Any = None, remove: bool = False) -> Any:
    if not path:
        return value
    tree = copy.deepcopy(tree)
    parent = _find(tree, path[:-1])
    if remove:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return tree
