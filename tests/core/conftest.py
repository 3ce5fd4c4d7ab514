"""Settings of the core's tests: always the same examples, and no time limit that a busy machine could miss."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

settings.register_profile("core", max_examples=25, deadline=None, derandomize=True, database=None)
settings.load_profile("core")


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """The matrices here are too small to share among threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
