"""Reading a run for an export: masks, labels, failures."""

import json
from pathlib import Path

import numpy as np
import pytest
from export_runs import CAT, disk, files_in, finding, one_run, png, record, run_of

from wsseg.export.export import export_run
from wsseg.files.encode import write_labels, write_mask
from wsseg.graphcut.regions import instances_of
from wsseg.runs.record import Record


class TestTogether:
    """Runs in which each pixel belongs to at most one target."""

    def run(self, folder: Path, *, instances: bool) -> Path:
        labels = np.where(CAT, 1, np.where(np.roll(CAT, 14, 1) | disk(20, 30, 17, 2, 2), 2, 0)).astype(np.uint8)
        outputs = {"labels": "labels/a.png"}
        write_labels(folder / "run/labels/a.png", labels)
        if instances:
            outputs["instances"] = "instances/a.png"
            write_labels(folder / "run/instances/a.png", instances_of(labels))
        findings = tuple(finding(category, {}) for category in ("cat", "dog", "owl"))
        return run_of(folder / "run", Record(input="a.jpg", name="a", settings="s", findings=findings, outputs=outputs))

    @pytest.mark.parametrize(("instances", "wanted"), [(False, ["cat", "dog"]), (True, ["cat", "dog", "dog"])])
    def test_an_object_is_a_label_or_an_instance(self, tmp_path: Path, instances: bool, wanted: list[str]) -> None:
        export_run(self.run(tmp_path, instances=instances), "coco", tmp_path / "o.json")
        content = json.loads((tmp_path / "o.json").read_text())
        names = {each["id"]: each["name"] for each in content["categories"]}
        assert list(names.values()) == ["cat", "dog", "owl"]
        assert [names[each["category_id"]] for each in content["annotations"]] == wanted
        labels = png((tmp_path / "run/labels/a.png").read_bytes())
        areas = [int((labels == label).sum()) for label in (1, 2)]
        found = [each["area"] for each in content["annotations"]]
        assert [found[0], sum(found[1:])] == areas

    def test_labels_without_a_target_are_refused(self, tmp_path: Path) -> None:
        run = self.run(tmp_path, instances=False)
        write_labels(run / "labels/a.png", np.full((5, 6), 4, np.uint8))
        with pytest.raises(ValueError, match="^labels of 'a' must be those of its 3 targets"):
            export_run(run, "coco", tmp_path / "o.json")


def test_failed_photos_are_left_out_and_named(tmp_path: Path) -> None:
    run = one_run(tmp_path, record("a", "a.jpg"))
    run_of(run, record("a", "a.jpg"), Record(input="b.jpg", name="b", settings="s", error="torn"))
    exported = export_run(run, "coco", tmp_path / "o.json")
    assert (exported.photos, exported.failed) == (1, ("b",))
    run_of(run, *(Record(input=f"{name}.jpg", name=name, settings="s", error="torn") for name in "ab"))
    with pytest.raises(ValueError, match=r"^run must hold at least one mask, got only failed photos \(2\)"):
        export_run(run, "coco", tmp_path / "o2.json")


@pytest.mark.parametrize("outputs", [{}, {"overlay": "overlays/a.png"}])
def test_a_run_without_masks_is_refused(tmp_path: Path, outputs: dict[str, str]) -> None:
    findings = (finding("cat", outputs),)
    run = run_of(tmp_path / "run", Record(input="a.jpg", name="a", settings="s", findings=findings))
    with pytest.raises(ValueError, match="^run must hold a mask of each photo, got none of 'a'; .*--write mask"):
        export_run(run, "coco", tmp_path / "o.json")


def test_masks_of_a_photo_must_have_one_size(small: Path, tmp_path: Path) -> None:
    write_mask(small / "masks/a.1.png", CAT[1:])
    with pytest.raises(ValueError, match="^masks of 'a' must have one height and width"):
        export_run(small, "coco", tmp_path / "o.json")


def test_a_run_is_read_from_an_object_store(small: Path, tmp_path: Path) -> None:
    upath = pytest.importorskip("upath")
    for name, data in files_in(small).items():
        path = upath.UPath(f"memory://exported/run/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    export_run(small, "coco", tmp_path / "x.json")
    export_run("memory://exported/run", "coco", tmp_path / "y.json")
    assert (tmp_path / "x.json").read_bytes() == (tmp_path / "y.json").read_bytes()


def test_photos_with_relative_paths_are_found_from_any_folder(small: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (small / "run.jsonl").read_bytes().splitlines()]
    for content in lines:
        content.update(input=str(Path(content["input"]).relative_to(small.parent)), base=str(small.parent))
    (small / "run.jsonl").write_text("".join(f"{json.dumps(content)}\n" for content in lines))
    export_run(small, "yolo", tmp_path / "out", photos=True)
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == len(lines)


def test_missing_photos_are_reported(small: Path, tmp_path: Path) -> None:
    (small.parent / "photos/a.jpg").unlink()
    with pytest.raises(
        ValueError, match=r"^photos must still be where the run read them, got 'No such file.*a.jpg'; export"
    ):
        export_run(small, "yolo", tmp_path / "out", photos=True)
    assert not (tmp_path / "out").exists()
