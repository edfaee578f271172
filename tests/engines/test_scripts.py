"""Workers of scripts: each worker imports the script first, so the script's calls need a main guard."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from wsseg.engines import processes
from wsseg.engines.processes import in_processes

CALL = """
from wsseg.engines.processes import in_processes
def results():
    found = in_processes(len, ["a"], lost=None, workers=2)
    return next(found, None)
"""

REMEDY = 'put the calls of the script below `if __name__ == "__main__":`'


def run(*command: str, stdin: str = "") -> str:
    """Run Python and return its last line on stderr."""
    done = subprocess.run([sys.executable, *command], input=stdin, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    return done.stderr.strip().splitlines()[-1]


def test_a_script_without_a_main_guard_is_advised_to_add_one(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(CALL + "results()")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert done.stderr.count("Traceback") == 1 + done.stderr.count("During handling")
    assert done.stderr.strip().splitlines()[-1] == (
        "ChildProcessError: workers must be able to import the script, got its calls once more in each worker; "
        + REMEDY
    )


def test_a_script_that_fails_in_its_workers_is_advised_to_add_a_guard(tmp_path: Path) -> None:
    """A call may fail in a worker before it starts workers, for example at a lock."""
    script = tmp_path / "script.py"
    script.write_text(CALL + "if __name__ != '__main__': raise OSError('in use')\nresults()")
    assert run(str(script)).endswith(
        "got the error printed above; fix it, or, if the script has no main guard, " + REMEDY
    )


def test_a_script_from_standard_input_must_become_a_file() -> None:
    assert run("-", stdin=CALL + "results()") == (
        "ValueError: workers must be 1 in a script that is no file, since workers import it, got 2 in '<stdin>'; "
        f"save the script as a file and {REMEDY}, or use 1 worker"
    )


def test_code_without_a_script_needs_no_guard() -> None:
    code = "from wsseg.engines.processes import in_processes; print(list(in_processes(list, [], lost=None, workers=2)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_a_daemonic_process_has_no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "current_process", lambda: SimpleNamespace(daemon=True))
    with pytest.raises(ValueError, match="workers must be 1 in a daemonic process.*got 2; use 1, or start"):
        list(in_processes(list, [], lost=str, workers=2))


FORKED = """
import itertools, os, signal, sys
from multiprocessing import forkserver
from wsseg.engines.processes import in_processes, warm_up

def seen(items):
    late = os.path.exists("marker")
    for item in items:
        if item == 30 and not os.path.exists("marker"):
            open("marker", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        yield item, os.getppid(), late, "colorsys" in sys.modules

def numbers(results):
    for number in itertools.count():
        if number > 30 and any(late for _, _, late, _ in results):
            return
        yield number

if __name__ == "__main__":
    warm_up(["colorsys", "no_such_module"])
    results = []
    for result in in_processes(seen, numbers(results), lost=None, workers=2):
        results.append(result)
        if len(results) == 1:
            os.kill(result[1], signal.SIGKILL)
    _, parent, _, warm = results[0]
    print(warm, parent != os.getpid(), sorted(item for item, *_ in results) == list(range(len(results))))
    print(any(late for _, _, late, _ in results), forkserver._forkserver._preload_modules)
"""


@pytest.mark.skipif(not processes.FORKS, reason="workers are not forked here")
def test_workers_are_forked_from_a_process_that_may_die(tmp_path: Path) -> None:
    """It has imported what was warmed up. One that takes its place forks a worker in place of one that crashed."""
    script = tmp_path / "script.py"
    script.write_text(FORKED)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.stdout.split("\n")[:2] == ["True True True", "True ['__main__']"], done.stderr
