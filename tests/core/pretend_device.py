"""A second device where there is only a CPU: its tensors say that they are elsewhere, and compute here.

A tensor there and one on the CPU may meet only in copies, and where one of them has no dimensions, as with CUDA; else
the error is CUDA's. Numbers are the CPU's own, so what is computed there must equal what is computed here, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

ELSEWHERE = torch.device("lazy")  # a type that PyTorch knows and never initialises
_ATEN = torch.ops.aten
_COPIES = (_ATEN._to_copy.default, _ATEN.copy_.default, _ATEN.copy.default)


class _Away(Tensor):
    """Holds a tensor of the CPU, and says that it lies on `ELSEWHERE`."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> _Away:
        away = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=ELSEWHERE,
        )
        away.held = held
        return away

    def __repr__(self) -> str:  # type: ignore[override]
        return f"away({self.held!r})"

    def tolist(self) -> Any:  # PyTorch asks for the memory, which only real tensors have
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return _compute(func, args, kwargs or {})


class _Mode(TorchDispatchMode):
    """Sees what makes a tensor of nothing too, such as `torch.zeros(3, device=ELSEWHERE)`."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})


@contextmanager
def pretend_device() -> Iterator[torch.device]:
    """Within it tensors can be moved to the device that it yields, and made there; not under inference mode."""
    with _Mode(), torch.no_grad():
        yield ELSEWHERE


def _compute(func: Any, args: Any, kwargs: Any) -> Any:
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    away = _choose_place(func, tensors, args, kwargs.get("device"))
    if kwargs.get("device") is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    given = {id(tensor.held): tensor for tensor in tensors if isinstance(tensor, _Away)}
    result = func(*tree_map(_unwrap, args), **tree_map(_unwrap, kwargs))
    if not away:
        return result
    # What an operation in place returns is the very tensor it was given.
    return tree_map(lambda each: _rewrap(each, given) if isinstance(each, Tensor) else each, result)


def _choose_place(func: Any, tensors: list[Tensor], args: Any, asked: Any) -> bool:
    """Whether the result lies elsewhere; RuntimeError where the operation mixes devices."""
    places = {isinstance(tensor, _Away) for tensor in tensors if tensor.dim()}
    if len(places) > 1 and func not in _COPIES:
        found = ", ".join(f"{tuple(tensor.shape)} on {tensor.device}" for tensor in tensors)
        raise RuntimeError(f"Expected all tensors to be on the same device, but {func} got {found}")
    if tensors and func._schema.name.endswith("_"):  # in place
        return isinstance(args[0], _Away)
    if asked is not None:
        return torch.device(asked).type == ELSEWHERE.type
    return any(isinstance(tensor, _Away) for tensor in tensors) if not places else True in places


def _unwrap(value: Any) -> Any:
    return value.held if isinstance(value, _Away) else value


def _rewrap(result: Tensor, given: dict[int, _Away]) -> _Away:
    known = given.get(id(result))
    return _Away(result) if known is None else known
