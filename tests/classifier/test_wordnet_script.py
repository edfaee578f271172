"""The script that takes wsseg's nouns from WordNet's files."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

import wsseg
from wsseg.classifier.hierarchy import wordnet

ROOT = Path(wsseg.__file__).parents[1]
WORDNET = Path("/usr/share/wordnet")

NOUNS = """\
  1 You may copy this.
  2
  3 Keep this notice.
00000001 03 n 02 entity 0 Being 0 001 ~ 00000002 n 0000 | all there is
00000002 05 n 0a a 0 b_c 0 d 0 e 0 f 0 g 0 h 0 i 0 j 0 k 0 002 @ 00000001 n 0000 + 00000009 v 0101 | ten | names
00000003 05 n 01 Rex 0 002 @i 00000002 n 0000 @ 00000001 n 0000 | a dog
"""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("wordnet_script", ROOT / "scripts/wordnet.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_reads_names_parents_and_uses(script, tmp_path):
    (tmp_path / "data.noun").write_text(NOUNS)
    (tmp_path / "index.noun").write_text("  1 license\nrex n 2 1 @ 2 1 00000009 00000003\nb_c n 1 1 @ 1 0 00000002\n")
    (tmp_path / "cntlist.rev").write_text("rex%1:05:00:: 2 7\nrex%2:05:00:: 1 9\n")
    nouns = script.nouns_of(tmp_path / "data.noun")
    assert nouns["00000001"] == (["entity", "Being"], [])
    assert nouns["00000002"] == (["a", "b c", *"defghijk"], ["00000001"])
    assert nouns["00000003"] == (["Rex"], ["00000002", "00000001"])
    uses = script.uses_of(tmp_path)
    assert uses == {("rex", "00000009"): 0, ("rex", "00000003"): 7, ("b c", "00000002"): 0}
    assert script.line_of("00000003", nouns["00000003"], uses) == "n00000003\tn00000002 n00000001\tRex:7\n"
    assert script.with_ancestors({"00000003"}, nouns) == set(nouns)
    assert "".join(script.license_of(tmp_path / "data.noun")) == "You may copy this.\n\nKeep this notice.\n"


def test_the_license_is_shipped_beside_the_nouns():
    text = (ROOT / "wsseg/classifier/wordnet/LICENSE").read_text()
    assert "WordNet 3.0 Copyright 2006 by Princeton University.  All rights reserved." in text


@pytest.mark.skipif(not (WORDNET / "data.noun").is_file(), reason="needs WordNet, as from apt-get install wordnet-base")
def test_it_reproduces_the_shipped_files(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", ["wordnet.py", str(WORDNET)])
    script.main()
    shipped = ROOT / "wsseg/classifier/wordnet"
    assert (tmp_path / "LICENSE").read_bytes() == (shipped / "LICENSE").read_bytes()
    known = wordnet().nouns
    monkeypatch.setattr("wsseg.classifier.hierarchy._NOUNS", tmp_path / "nouns.tsv.gz")
    assert wordnet.__wrapped__().nouns == known
