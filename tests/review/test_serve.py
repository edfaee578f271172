"""The command that serves the page, and what it refuses."""

import asyncio
import http.client
import json
import logging
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from commands import PROGRAM, Run
from served import TOKEN

import wsseg
from wsseg.review import running, serve
from wsseg.review.running import is_fault
from wsseg.runs.record import read_run


@contextmanager
def started(*words: object) -> Iterator[tuple[str, str, subprocess.Popen[str]]]:
    """Run `wsseg review` in a process of its own; yield the host and the token of its first line."""
    command = [*PROGRAM, "review", *map(str, words), "--no-open", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:") and "/#" in address
        host, _, token = address.removeprefix("http://").partition("/#")
        try:
            yield host, token, process
        finally:
            process.kill()


def asked(host: str, token: str, path: str, body: Any = None) -> Any:
    connection = http.client.HTTPConnection(host, timeout=300)
    data = None if body is None else json.dumps(body)
    connection.request("GET" if body is None else "POST", path, data, {"x-wsseg-token": token})
    answer = connection.getresponse()
    assert answer.status == 200
    found = json.loads(answer.read())
    connection.close()
    return found


@pytest.mark.slow
class TestStarted:
    def test_a_run_is_served_until_it_is_interrupted(self, run_folder: Path) -> None:
        with started(run_folder, "--classifier", "efficientnet_lite0") as (host, token, process):
            assert len(asked(host, token, "/api/queue")["items"]) == 5
            asked(host, token, "/api/items/0/decision", {"tab": "t", "verdict": "rejected"})
            with pytest.raises(FileExistsError, match="under review already"):
                wsseg.serve_review(run_folder, browser=False, port=0, announce=lambda address: None)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
            assert process.returncode == 0
            assert f"wsseg export '{run_folder}' --accepted" in errors
        assert [one.has_decision for one in read_run(run_folder).records].count(True) == 1
        assert not (run_folder / ".reviews").exists()

    def test_photos_are_segmented_while_they_are_reviewed(self, made: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        with started(made / "photos", "-o", out, "--recipe", "fast") as (host, token, process):
            decided = set[int]()
            deadline = time.monotonic() + 300
            while len(decided) < 5 and time.monotonic() < deadline:
                for item in asked(host, token, "/api/queue")["items"]:
                    if item["number"] not in decided:
                        asked(host, token, f"/api/items/{item['number']}/decision", {"tab": "t", "verdict": "accepted"})
                        decided.add(item["number"])
                time.sleep(0.1)
            while asked(host, token, "/api/queue")["state"] != "done" and time.monotonic() < deadline:
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        found = read_run(out)
        assert [record.is_reviewed for record in found.records] == [True] * 5
        assert found.made_by["state"] == "done"

    def test_photos_that_cannot_be_found_end_it(self, run: Run, tmp_path: Path) -> None:
        ended = run("review", tmp_path / "none", "-o", tmp_path / "out", "--no-open", "--port", "0")
        assert ended.code == 2 and "photos must be segmented first" in ended.err


def serving_fails(run: Path, **options: Any) -> str:
    with pytest.raises((ValueError, OSError, TypeError)) as caught:
        wsseg.serve_review(run, browser=False, announce=lambda address: None, notice=lambda text: None, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"host": "192.168.1.2"}, "add a token"),
        ({"host": "0.0.0.0", "token": TOKEN}, "the address that browsers open"),
        ({"token": "short"}, "make it longer"),
        ({"token": "0123456789abcdef/../"}, "letters and digits"),
        ({"port": 70000}, "port must be"),
        ({"recipe": "unknown"}, "unknown"),
    ],
)
def test_what_is_unsafe_or_unknown_is_refused(run_folder: Path, options: Mapping[str, Any], message: str) -> None:
    assert message in serving_fails(run_folder, **options)


def test_a_folder_without_masks_is_refused(tmp_path: Path, run: Run) -> None:
    assert "must be a folder that wsseg segment wrote" in serving_fails(tmp_path)
    ended = run("review", tmp_path, tmp_path)
    assert ended.code == 2 and "run must be one folder" in ended.err


def test_a_port_that_is_taken_is_named_or_replaced(run_folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert "port must be free" in serving_fails(run_folder, port=port)
        notices = list[str]()
        with running.bound("127.0.0.1", None, port, notices.append) as door:
            assert door.getsockname()[1] != port
        assert "is taken" in notices[0]


def test_a_run_can_name_no_file_and_no_download(run_folder: Path) -> None:
    for name in ("hf:evil/model", "vgg19@/tmp/evil.pt", "resnet50"):
        load = serve._loader({"classifier": {"name": name}}, None, None, None)
        with pytest.raises(ValueError, match="name it"):
            load()


def test_a_recipe_of_another_version_is_named() -> None:
    with pytest.raises(ValueError, match=r"recipe of this version.*--recipe"):
        serve._loader({"recipe": {"unheard_of": 1}}, None, None, None)


def test_the_help_answers_without_the_libraries(run: Run, monkeypatch: pytest.MonkeyPatch, run_folder: Path) -> None:
    assert run("review", "--help").code == 0
    monkeypatch.setattr(running, "find_spec", lambda name: None)
    assert "pip install 'wsseg[review]'" in serving_fails(run_folder)


def test_the_backend_refuses_what_it_cannot_serve(run: Run, tmp_path: Path) -> None:
    ended = run("serve", tmp_path / "none", "--label-studio")
    assert ended.code == 2 and "photos must be a folder" in ended.err
    assert run("serve", tmp_path).code == 2
    with pytest.raises(ValueError, match="tunnel"):
        wsseg.serve_label_studio(tmp_path, host="192.168.1.2")


@pytest.mark.slow
def test_the_backend_is_served_by_its_command(made: Path) -> None:
    command = [*PROGRAM, "serve", str(made / "photos"), "--label-studio", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        host = process.stdout.readline().strip().removeprefix("http://")
        assert asked(host, "", "/health")["status"] == "UP"
        process.kill()


def test_requests_that_are_cut_off_at_the_end_are_no_faults() -> None:
    def record(text: str, error: BaseException | None = None) -> logging.LogRecord:
        info = error and (type(error), error, None)
        return logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, text, ("2",) if "%s" in text else (), info)

    assert is_fault(record("Exception in ASGI application", ValueError("a bug")))
    assert is_fault(record("address in use"))
    assert not is_fault(record("Exception in ASGI application", asyncio.CancelledError()))
    assert not is_fault(record("Cancel %s running task(s), timeout graceful shutdown exceeded"))


def test_no_module_of_the_working_folder_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wsseg.py").write_text("open('hit', 'w').close()\nraise SystemExit(2)")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="photos must be segmented first"):
        serve.serve_review(tmp_path / "out", photos=tmp_path / "none.png", port=0, browser=False)
    assert not (tmp_path / "hit").exists()
