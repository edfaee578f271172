"""The state of torch in which networks run here: one thread at a time, float32, eager; so masks never depend on it."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import RLock
from typing import Final

import torch

_LOCK: Final = RLock()
"""Held by the one thread that runs a network. All networks share it, because torch's modes belong to the process."""

_AUTOCASTING: Final = ("cpu", "cuda", "mps", "xpu")
"""Devices for which a program may turn on autocast."""

if hasattr(os, "register_at_fork"):  # A process that is forked in mid-pass would inherit its lock and its modes.
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


@contextmanager
def reproducible() -> Iterator[None]:
    """Run torch the same way whatever the program has set, in any thread; then restore all.

    Inside, torch uses one thread, because sums over several depend on their number, and because the threads that torch
    has started are missing in a forked process, which would wait for them forever. Autocast and `torch.compile` are
    off, the latter because compiled networks skip the hooks that record layers, and new tensors are float32.
    It is also a decorator: `@reproducible()`.
    """
    with _LOCK, ExitStack() as restored:
        restored.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(1)
        if torch.get_default_dtype() != torch.float32:
            restored.callback(torch.set_default_dtype, torch.get_default_dtype())
            torch.set_default_dtype(torch.float32)
        for device in filter(torch.is_autocast_enabled, _AUTOCASTING):
            restored.enter_context(torch.autocast(device, enabled=False))
        if "torch._dynamo" in sys.modules:
            restored.enter_context(torch.compiler.set_stance("force_eager"))
        yield


def give_back_memory() -> None:
    """Give the memory that networks have freed back to the system; the C library of Linux keeps 0.1 GB otherwise.

    The next pass has to ask for it again, so this pays only if something large follows.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # Not every C library has the function.
            ctypes.CDLL(None).malloc_trim(0)
