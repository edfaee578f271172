"""Torch's modes: networks run the same way in any thread, process or context, and everything comes back."""

import multiprocessing
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small_classifiers import PHOTO, own, shipped

from wsseg.classifier import modes
from wsseg.classifier.load import load_classifier
from wsseg.classifier.modes import reproducible


def test_autocast_changes_no_probability_and_stays_on_outside():
    classifier = own()
    expected = classifier.probabilities(PHOTO)
    for dtype in (torch.bfloat16, torch.float16):
        with torch.autocast("cpu", dtype=dtype):
            assert np.array_equal(classifier.probabilities(PHOTO), expected)
            assert np.array_equal(own().probabilities(PHOTO), expected)
            assert torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == dtype
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_default_dtype_changes_no_probability_and_stays(dtype, embedded):
    photo, classifier = shipped("chelsea.png")[::4, ::4], own()
    expected = embedded.probabilities(photo), classifier.probabilities(PHOTO)
    torch.set_default_dtype(dtype)
    try:
        loaded = load_classifier()
        assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}
        assert np.array_equal(loaded.probabilities(photo), expected[0])
        assert np.array_equal(classifier.probabilities(PHOTO), expected[1])
        assert classifier.preprocess(PHOTO).dtype == torch.float32
        assert torch.get_default_dtype() == dtype
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_default_device_is_not_used_for_photos():
    classifier = own()
    expected = classifier.probabilities(PHOTO)
    with torch.device("meta"):
        assert np.array_equal(classifier.probabilities(PHOTO), expected)


def test_everything_comes_back_on_errors_too():
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(KeyError), torch.autocast("cpu"), reproducible():
            assert not torch.is_autocast_enabled("cpu") and torch.get_num_threads() == 1
            raise KeyError
        assert torch.get_num_threads() == 2 and not torch.is_autocast_enabled("cpu")
    finally:
        torch.set_num_threads(threads)


def test_one_thread_at_a_time_uses_a_network():
    classifier, inside, met = own(), threading.Event(), threading.Event()
    classifier.model.train()

    def other():
        inside.wait(10)
        with classifier.frozen():
            met.set()
            return not any(module.training for module in classifier.model.modules())

    with ThreadPoolExecutor(1) as pool:
        with classifier.frozen():
            frozen = pool.submit(other)
            inside.set()
            assert not met.wait(0.2)
        assert frozen.result(10)
    assert all(module.training for module in classifier.model.modules())


def test_many_threads_get_the_same_result():
    classifier = own()
    classifier.model.train()
    photos = [np.random.default_rng(seed).integers(0, 256, (30, 40, 3), np.uint8) for seed in range(4)]
    expected = [classifier.probabilities(photo) for photo in photos]

    def same(number):
        return np.array_equal(classifier.probabilities(photos[number % 4]), expected[number % 4])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(same, range(200)))
    assert all(module.training for module in classifier.model.modules())
    assert all(parameter.requires_grad for parameter in classifier.model.parameters())


FORKING = """
import multiprocessing
import cv2, numpy, torch
import wsseg
torch.set_num_threads(2)
cv2.setNumThreads(1)  # A forked process may wait forever for a thread that OpenCV had at work.
photo = numpy.random.default_rng(0).integers(0, 256, (300, 400, 3), numpy.uint8)
segmenter = wsseg.Segmenter(recipe="fast")
expected = segmenter.segment(photo).mask

def child():
    assert (segmenter.segment(photo).mask == expected).all()
    assert (wsseg.segment(photo, recipe="fast").mask == expected).all()

def forked():
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(60)
    return process.exitcode

print(forked())
"""


@pytest.mark.slow
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no process can be forked here")
def test_a_process_forked_after_use_segments_too():
    run = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=120, check=False)
    assert run.stdout == "0\n", run.stderr


class TestGiveBackMemory:
    @pytest.mark.skipif(sys.platform != "linux", reason="Linux's C library keeps freed memory")
    def test_freed_memory_is_given_back(self) -> None:
        called = list[int]()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(modes.ctypes, "CDLL", lambda _: SimpleNamespace(malloc_trim=called.append))
            modes.give_back_memory()
        assert called == [0]

    @pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
    def test_a_library_without_the_function_is_no_error(self, monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
        monkeypatch.setattr(modes.sys, "platform", platform)
        monkeypatch.setattr(modes.ctypes, "CDLL", lambda _: SimpleNamespace())
        modes.give_back_memory()
