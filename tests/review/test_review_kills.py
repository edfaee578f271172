"""A review whose server is killed at random moments: what was shown as saved is there, byte for byte."""

import http.client
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from served import Served, point

from wsseg.files.masks import read_mask
from wsseg.runs.record import read_run

KILLS = 20

SERVER = """
import sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from quick import sure_classifier
from served import PLAIN, serving
from wsseg.segmenting.segmenter import Segmenter
with serving(Path(sys.argv[1]), Segmenter(sure_classifier(), PLAIN)) as served:
    print(served.port, flush=True)
    time.sleep(600)
"""


class Client:
    """A person who decides without a pause, and remembers what was shown as saved."""

    def __init__(self, run: Path, port: int, seed: int) -> None:
        self.served = Served(run, port, None)  # type: ignore[arg-type]  # The desk is in another process.
        self.random = random.Random(seed)
        self.saved: dict[str, tuple[str, bytes, bytes]] = {}

    def work(self, names: list[str]) -> None:
        try:
            while True:
                number = self.random.randrange(len(names))
                verdict = self.random.choice(["accepted", "no object", "rejected"])
                strokes = [point(self.random.randrange(150), self.random.randrange(120), self.random.randrange(2))]
                strokes = strokes if verdict == "accepted" else []
                self.saved.pop(names[number], None)  # It may be replaced from now on.
                answer = self.served.decide(number, verdict, strokes=strokes)
                if answer.status == 200:
                    mask = self.served.run / f"masks/{names[number]}.png"
                    hints = self.served.run / f"hints/{names[number]}.png"
                    seen = hints.read_bytes() if hints.exists() else b""
                    self.saved[names[number]] = answer.json["item"]["verdict"], mask.read_bytes(), seen
        except (OSError, http.client.HTTPException):
            return  # The server is gone.


@pytest.mark.slow
def test_twenty_kills_lose_nothing_that_was_saved(run_folder: Path) -> None:
    names = [record.name for record in read_run(run_folder).records]
    script = SERVER.format(path=[str(Path(__file__).parent), str(Path(__file__).parent.parent)])
    total = 0
    for seed in range(KILLS):
        command = [sys.executable, "-c", script, str(run_folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            client = Client(run_folder, int(server.stdout.readline()), seed)
            worker = threading.Thread(target=client.work, args=(names,))
            worker.start()
            time.sleep(random.Random(seed).uniform(0.05, 1.5))
            os.kill(server.pid, signal.SIGKILL)
            worker.join()
        found = {record.name: record.findings[0] for record in read_run(run_folder).records}
        for name, (verdict, mask, hints) in client.saved.items():
            decision = found[name].decision
            assert decision is not None and decision.verdict == verdict
            assert (run_folder / f"masks/{name}.png").read_bytes() == mask
            assert not hints or (run_folder / f"hints/{name}.png").read_bytes() == hints
        for name in names:
            assert read_mask(run_folder / f"masks/{name}.png").shape == (120, 150)
        total += len(client.saved)
    assert total > KILLS
