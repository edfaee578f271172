"""Break a copy of the code by hand-made mutations, one at a time, and check that the tests of its module fail.

scripts/mutations.toml lists the mutations. A test that finds one must pass on the unchanged code. The exit code is 1 if
a mutation survives, and 2 if the table is wrong or a test fails on the unchanged code.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("wsseg", "tests", "examples", "scripts", "README.md", "pyproject.toml")
OPTIONS = ("-x", "-q", "-rf", "-p", "no:cacheprovider", "-m", "not slow", "--hypothesis-profile", "unshrunk")
LONGEST = 600
"""Seconds after which tests count as hanging."""

FAILED = re.compile(r"^FAILED (tests/.+?)(?: - .*)?$", re.MULTILINE)


class Mutation(NamedTuple):
    """A fault: the `old` text of a file, the `new` text that replaces it, and the tests that must find it."""

    name: str
    file: str
    old: str
    new: str
    tests: list[str]

    def apply(self, tree: Path) -> None:
        path = tree / "wsseg" / self.file
        path.write_text(path.read_text().replace(self.old, self.new))


class Outcome(NamedTuple):
    """Whether the tests caught a mutation."""

    verdict: str
    by: str
    """The test that failed first; empty if the tests hang."""
    seconds: float
    output: str


def main() -> int:
    options = _options()
    mutations = [Mutation(name, **row) for name, row in tomllib.loads(_table().read_text()).items()]
    if wrong := [problem for mutation in mutations if (problem := _problem(mutation))]:
        print(*wrong, sep="\n", file=sys.stderr)
        return 2
    chosen = [mutation for mutation in mutations if not options.only or mutation.name in options.only]
    if strange := set(options.only) - {mutation.name for mutation in mutations}:
        print(
            f"only must name mutations of '{_table()}', got {', '.join(sorted(strange))}; see --help", file=sys.stderr
        )
        return 2
    started = time.monotonic()
    with ThreadPoolExecutor(options.jobs) as pool:
        outcomes = list(_shown(chosen, pool.map(_tried, chosen)))
    finders = sorted({outcome.by for outcome in outcomes if outcome.verdict == "caught" and outcome.by})
    if finders and (sound := _run_on_copy(None, finders)).verdict != "survived":
        print(f"tests must pass on the code as it is, but\n{sound.output}", file=sys.stderr)
        return 2
    minutes = (time.monotonic() - started) / 60
    caught = sum(outcome.verdict == "caught" for outcome in outcomes)
    print(f"{caught} of {len(chosen)} mutations caught in {minutes:.1f} min")
    if options.out:
        options.out.write_text(_page(chosen, outcomes, minutes, options.jobs))
    return int(caught < len(chosen))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/mutate", description=__doc__)
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="try only this mutation; may be repeated"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="mutations tried at a time")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write a page of the results, such as benchmarks/mutations.md"
    )
    return parser.parse_args()


def _table() -> Path:
    return ROOT / "scripts" / "mutations.toml"


def _problem(mutation: Mutation) -> str | None:
    times = (ROOT / "wsseg" / mutation.file).read_text().count(mutation.old)
    if times == 1:
        return None
    return (
        f"{mutation.name}: old must occur exactly once in 'wsseg/{mutation.file}', got {times} times; correct the table"
    )


def _tried(mutation: Mutation) -> Outcome:
    return _run_on_copy(mutation, [_file_of(name) for name in mutation.tests])


def _file_of(name: str) -> str:
    (file,) = (ROOT / "tests").rglob(f"test_{name}.py")
    return file.relative_to(ROOT).as_posix()


def _run_on_copy(mutation: Mutation | None, tests: Sequence[str]) -> Outcome:
    """Run the fast tests in a copy of the tree, which the mutation breaks if there is one."""
    with tempfile.TemporaryDirectory(prefix="wsseg-mutate-") as folder:
        tree = Path(folder)
        for name in COPIED:
            _copy(ROOT / name, tree / name)
        if mutation:
            mutation.apply(tree)
        return _run(tree, tests)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _run(tree: Path, files: Sequence[str]) -> Outcome:
    own = {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_STORAGE_DIRECTORY": str(tree / "seen")}
    command = [sys.executable, "-m", "pytest", *OPTIONS, *files]
    started = time.monotonic()
    try:
        run = subprocess.run(command, cwd=tree, env=os.environ | own, capture_output=True, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return Outcome("caught", "", LONGEST, "")
    failed = FAILED.search(run.stdout)
    # If a mutation keeps pytest from finding the tests, for example by a syntax error, it shows nothing about them.
    verdict = "survived" if run.returncode == 0 else "caught" if run.returncode == 1 and failed else "broken"
    return Outcome(verdict, failed[1] if failed else "", time.monotonic() - started, run.stdout + run.stderr)


def _shown(mutations: Sequence[Mutation], outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    for mutation, outcome in zip(mutations, outcomes, strict=True):
        print(f"{outcome.verdict:9}{mutation.name} {outcome.by}", flush=True)
        yield outcome


def _page(mutations: Sequence[Mutation], outcomes: Sequence[Outcome], minutes: float, jobs: int) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "torch", "pytest", "hypothesis"))
    caught = sum(outcome.verdict == "caught" for outcome in outcomes)
    rows = [
        f"| {one.name} | {one.file} | {_code(one.old)} | {_code(one.new)} | {_by(outcome)} |"
        for one, outcome in zip(mutations, outcomes, strict=True)
    ]
    head = (
        "# Mutations\n\n"
        "Hand-made faults, and the first test that finds each. This page was made by\n"
        f"`scripts/mutate --jobs {jobs} --out benchmarks/mutations.md` on {date.today()}, in {minutes:.0f} minutes on\n"
        f"{os.cpu_count()} cores shared with other work; Python {platform.python_version()}, {versions}.\n\n"
        f"{caught} of {len(mutations)} are caught.\n\n"
        "| mutation | file | old | new | found by |\n|---|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def _by(outcome: Outcome) -> str:
    if outcome.verdict != "caught":
        return outcome.verdict
    return _code(outcome.by.removeprefix("tests/")) if outcome.by else f"tests hang for {LONGEST} s"


def _code(text: str) -> str:
    return f"`{text.replace('|', '&#124;')}`"


if __name__ == "__main__":
    sys.exit(main())
