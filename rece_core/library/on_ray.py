"""Work on a Ray cluster: it packs tasks by the memory and processors they name, and keeps what they share."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from .workers import AGAIN, TRIES, Call, Outcome, describe_error

LOCAL = "local"
AHEAD = 4  # tasks named to Ray for each processor: enough to keep all busy, whatever the number of files


class OnRay:
    """A cluster at `address`; 'auto' is the one of this machine, 'local' one of its own that ends with the work.

    workers: how many processors a local one has, 0 for those of the machine.
    """

    def __init__(self, address: str, workers: int = 0) -> None:
        try:
            self._ray = import_module("ray")
        except ImportError:
            raise ValueError(
                "--ray was given, but Ray is not installed. Install it (pip install 'ray==2.60.0'), or leave --ray out "
                "to work here, one file after the other."
            ) from None
        own = address == LOCAL
        given = {"num_cpus": workers or None, "include_dashboard": None} if own else {"address": address}
        try:
            self._ray.init(logging_level=logging.ERROR, log_to_driver=False, **given)
        except Exception as error:  # Ray raises plain ones where a node takes too long to start
            raise ValueError(
                f"no Ray cluster answers or starts at {address!r} ({describe_error(error)}). Start one by 'ray start "
                f"--head', or give '{LOCAL}'; on a busy machine RAY_raylet_start_wait_time_s=240 gives it more time."
            ) from error
        self.processors = int(self._ray.cluster_resources().get("CPU", 1))
        self._memory = max(node["Resources"].get("memory", 0) for node in self._ray.nodes() if node["Alive"])

    def share(self, call: Call) -> Any:
        """A place in the object store, where what `call` gives will be."""
        return self._submit(call, TRIES - 1)

    def run(self, calls: Iterable[Call]) -> Iterator[Outcome]:
        """See `Workers`. A task whose worker or node is lost is tried again, as is one that fails by chance."""
        waiting: dict[Any, tuple[Call, int]] = {}
        for call in calls:
            while len(waiting) >= AHEAD * max(1, self.processors):
                yield from self._collect(waiting)
            if call.memory > self._memory:
                needed, most = (f"{each / 1e9:.1f} GB" for each in (call.memory, self._memory))
                told = f"it needs about {needed} of memory, and no node has more than {most}. Add a node with more."
                yield Outcome(call.label, None, told, 0)
                continue
            waiting[self._submit(call)] = (call, 1)
        while waiting:
            yield from self._collect(waiting)

    def close(self) -> None:
        """Leave the cluster; a local one ends."""
        self._ray.shutdown()

    def _submit(self, call: Call, retries: int = 0) -> Any:
        task = self._ray.remote(call.function).options(
            num_cpus=call.threads, memory=call.memory, max_retries=retries, name=call.function.__name__
        )
        return task.remote(*call.arguments, *(() if call.shared is None else (call.shared,)))

    def _collect(self, waiting: dict[Any, tuple[Call, int]]) -> Iterator[Outcome]:
        (ready,), _ = self._ray.wait(list(waiting), num_returns=1)
        call, tries = waiting.pop(ready)
        try:
            yield Outcome(call.label, self._ray.get(ready), "", tries)
        except self._ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)  # what the function raised; none where its worker was lost
            if tries < TRIES and (cause is None or isinstance(cause, AGAIN)):
                waiting[self._submit(call)] = (call, tries + 1)
            else:
                yield Outcome(call.label, None, describe_error(cause or error), tries)
