"""The server of the page: what it answers, writes and refuses."""

import hashlib
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from served import TOKEN, Served, point

from wsseg.files.encode import write_mask
from wsseg.files.masks import UNKNOWN_LEVEL, read_mask, read_truth
from wsseg.learning.dataset import MaskDataset
from wsseg.review.guard import AT_ONCE, LARGEST
from wsseg.review.server import PAGE
from wsseg.runs.record import LINES

CUT = "/api/items/0/cut"


def test_the_page_is_whole_and_loads_nothing_else(served: Served) -> None:
    for name, kind in PAGE.items():
        answer = served.ask(f"/{name if name != 'index.html' else ''}", x_wsseg_token="")
        assert answer.status == 200
        assert answer.headers["content-type"] == kind
        text = answer.body.replace(b'xmlns="http://www.w3.org/2000/svg"', b"")
        assert b"http://" not in text and b"https://" not in text
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_queue_holds_each_mask(served: Served) -> None:
    found = served.ask("/api/queue").json
    assert [item["name"] for item in found["items"]] == sorted(served.findings())
    assert found["summary"]["counts"] == {"accepted": 0, "corrected": 0, "rejected": 0, "no object": 0, "left": 5}
    assert found["state"] == "done"


def test_pictures_are_asked_for_by_number(served: Served) -> None:
    photo = served.ask("/api/items/0/photo")
    assert photo.headers["x-photo-size"] == "150 120"
    assert photo.body[:2] == b"\xff\xd8"
    assert served.ask("/api/items/1/thumbnail").body[:2] == b"\xff\xd8"
    assert served.ask("/api/items/1/mask").body[:4] == b"\x89PNG"
    assert served.ask("/api/items/1/hints").body == b""
    assert len(served.ask("/api/sizes").json) == 5
    for number in ("5", "99999999999999999999", "-1", "0x1", "..", "%2e%2e%2frun.json", "a", "9" * 5000):
        assert served.ask(f"/api/items/{number}/photo").status == 404, number


def test_an_accepted_mask_stays_as_it_is(served: Served) -> None:
    before = (served.run / "masks/a.png").read_bytes()
    answer = served.decide(0, "accepted", seconds=3.21, at_random=True)
    assert answer.json["item"]["verdict"] == "accepted"
    decision = served.findings()["a"].decision
    assert decision is not None
    assert (decision.verdict, decision.strokes, decision.seconds, decision.iou) == ("accepted", 0, 3.2, 1.0)
    assert decision.at_random
    assert (served.run / "masks/a.png").read_bytes() == before


def test_a_corrected_mask_holds_what_was_shown_and_said(served: Served) -> None:
    before, automatic = (served.run / "overlays/a.png").read_bytes(), (served.run / "masks/a.png").read_bytes()
    strokes = [point(5, 5), point(140, 100, 0)]
    shown = served.ask(CUT, {"tab": "t", "strokes": strokes})
    assert shown.status == 200
    served.decide(0, "accepted", strokes=strokes)
    finding = served.findings()["a"]
    mask = read_mask(served.run / "masks/a.png")
    np.testing.assert_array_equal(mask, decoded(shown.body))
    assert mask[5, 5] and not mask[100, 140]
    hints = read_truth(served.run / finding.outputs["hints"], void=UNKNOWN_LEVEL)
    assert hints[5, 5] == 1 and hints[100, 140] == 0 and (hints == 255).any()
    assert (served.run / finding.outputs["automatic"]).read_bytes() == automatic
    assert (served.run / "overlays/a.png").read_bytes() != before
    assert finding.decision is not None and finding.decision.verdict == "corrected"
    before_iou = (mask & read_mask(served.run / finding.outputs["automatic"])).sum()
    assert finding.decision.iou == pytest.approx(
        before_iou / (mask | read_mask(served.run / finding.outputs["automatic"])).sum()
    )


def decoded(png: bytes) -> np.ndarray:
    import cv2

    return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE) > 127)


def test_a_correction_can_be_corrected_and_taken_back(served: Served) -> None:
    automatic = (served.run / "masks/a.png").read_bytes()
    served.decide(0, "accepted", strokes=[point(5, 5)])
    corrected = (served.run / "masks/a.png").read_bytes()
    served.decide(0, "accepted")  # Seen again, and left as it is.
    assert served.findings()["a"].decision.verdict == "corrected"  # type: ignore[union-attr]
    assert (served.run / "masks/a.png").read_bytes() == corrected
    served.decide(0, "accepted", strokes=[point(140, 100, 0)])  # On top of the hints that were saved.
    mask = read_mask(served.run / "masks/a.png")
    assert mask[5, 5] and not mask[100, 140]
    served.decide(0, "accepted", saved=False, anew=True)  # All hints removed.
    assert served.findings()["a"].decision.verdict == "accepted"  # type: ignore[union-attr]
    assert (served.run / "masks/a.png").read_bytes() == automatic


def test_rejected_and_without_an_object(served: Served) -> None:
    before = (served.run / "masks/a.png").read_bytes()
    served.decide(0, "rejected", strokes=[point(5, 5)])
    served.decide(1, "no object")
    found = served.findings()
    assert found["a"].decision.verdict == "rejected" and found["a"].decision.iou is None  # type: ignore[union-attr]
    assert (served.run / "masks/a.png").read_bytes() == before
    assert not read_mask(served.run / "masks/b.png").any()
    assert read_mask(served.run / "automatic/b.png").any()
    assert found["b"].decision.iou == 0  # type: ignore[union-attr]


def test_an_empty_mask_that_is_accepted_is_no_object(served: Served) -> None:
    mask = served.run / "masks/a.png"
    write_mask(mask, np.zeros((120, 150), np.bool_))
    assert served.decide(0, "accepted").json["item"]["verdict"] == "no object"
    assert not read_mask(mask).any() and len(MaskDataset(served.run, accepted=True)) == 4


def test_another_target_is_the_finding_of_the_record(served: Served) -> None:
    classes = served.ask("/api/items/0/classes").json
    assert [each["category"] for each in classes] == ["ape", "bee", "cow", "dog"]
    served.decide(0, "accepted", target="cow")
    finding = served.findings()["a"]
    assert (finding.category, finding.indices) == ("cow", (2,))
    assert finding.probability == pytest.approx(0.24, abs=0.01)
    answer = served.decide(1, "accepted", target="unicorn")
    assert answer.status == 422 and "unicorn" in answer.json["error"]
    assert served.findings()["b"].decision is None


def test_a_name_that_is_no_utf_8_and_a_number_that_is_none_are_in_the_queue(served: Served) -> None:
    line = json.loads((served.run / LINES).read_bytes().splitlines()[0])
    line |= {"name": "x\udcff", "input": "x\udcff.png"}
    line["findings"][0]["confidence"] = float("nan")
    with (served.run / LINES).open("ab") as lines:
        lines.write(json.dumps(line).encode() + b"\n")
    item = served.ask("/api/queue").json["items"][-1]
    assert (item["name"], item["confidence"]) == ("x\udcff", None)
    answer = served.ask(f"/api/items/{item['number']}/photo")
    assert answer.status == 422 and "\udcff" in answer.json["error"]


def test_a_second_tab_is_told_and_writes_nothing(served: Served) -> None:
    assert served.ask("/api/tab", {"tab": "one"}).json["active"]
    assert not served.ask("/api/tab", {"tab": "two"}).json["active"]
    refused = served.ask("/api/items/0/decision", {"tab": "two", "verdict": "rejected"})
    assert refused.status == 409 and "another tab" in refused.json["error"]
    assert served.findings()["a"].decision is None
    assert served.ask("/api/tab", {"tab": "two", "force": True}).json["active"]
    assert served.ask("/api/items/0/decision", {"tab": "one", "verdict": "rejected"}).status == 409
    assert served.ask("/api/tab", {"tab": "two", "leave": True}).status == 200
    assert served.ask("/api/items/0/decision", {"tab": "one", "verdict": "rejected"}).status == 200


def test_a_photo_that_changed_is_named(served: Served, made: object) -> None:
    path = served.desk.items.get(3).record.place
    with Path(path).open("rb") as file:
        data = file.read()
    try:
        with Path(path).open("ab") as file:
            file.write(b"more")
        answer = served.ask("/api/items/3/photo")
        assert answer.status == 422 and "unchanged" in answer.json["error"]
    finally:
        with Path(path).open("wb") as file:
            file.write(data)


class TestHostileRequests:
    @pytest.mark.parametrize(
        "headers",
        [
            {"host": "evil.example"},
            {"host": "evil.example:{port}"},
            {"host": "127.0.0.1"},
            {"host": "127.0.0.1:{port}.evil.example"},
            {"origin": "http://evil.example"},
            {"origin": "null"},
            {"origin": "https://127.0.0.1:{port}"},
            {"origin": "http://127.0.0.1:1"},
            {"x_wsseg_token": ""},
            {"x_wsseg_token": TOKEN + "0"},
            {"x_wsseg_token": "\xff"},
        ],
    )
    def test_a_foreign_request_is_refused(self, served: Served, headers: dict[str, str]) -> None:
        given = {name: value.format(port=served.port) for name, value in headers.items()}
        for path, body in (("/api/queue", None), ("/api/items/0/decision", {"tab": "t", "verdict": "rejected"})):
            assert served.ask(path, body, **given).status in (401, 403)
        assert served.findings()["a"].decision is None

    def test_two_hosts_or_none_are_refused(self, served: Served) -> None:
        for lines in ("", f"Host: {served.host}\r\nHost: evil.example\r\n"):
            with socket.create_connection(("127.0.0.1", served.port)) as client:
                client.sendall(f"GET /api/queue HTTP/1.1\r\n{lines}x-wsseg-token: {TOKEN}\r\n\r\n".encode())
                assert client.recv(100).split()[1] in (b"400", b"403")

    @pytest.mark.parametrize(
        "path",
        [
            "/../run.json",
            "/%2e%2e/run.json",
            "/main.js/../../serve.py",
            "/page/main.js",
            "/etc/passwd",
            "//main.js",
            "/server.py",
        ],
    )
    def test_a_path_leads_nowhere(self, served: Served, path: str) -> None:
        assert served.ask(path).status == 404

    def test_a_large_body_is_refused(self, served: Served) -> None:
        assert served.ask(CUT, b"{}", content_length=str(10**8)).status == 413
        with suppress(ConnectionError):  # It may be closed before all of the body is sent.
            assert served.ask(CUT, b"[" * (LARGEST + 1)).status == 413

    @pytest.mark.parametrize("head", ["Content-Length: 100000000", "Transfer-Encoding: chunked"])
    def test_a_body_of_100_mb_is_not_read(self, served: Served, head: str) -> None:
        """The server answers and closes; it takes no more than the buffers of the sockets hold."""
        part = b"x" * 1_000_000
        chunk = part if head.startswith("Content") else b"%x\r\n%b\r\n" % (len(part), part)
        sent, answer = 0, b""
        with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
            lines = f"POST {CUT} HTTP/1.1", f"Host: {served.host}", f"x-wsseg-token: {TOKEN}", head, "", ""
            client.sendall("\r\n".join(lines).encode())
            with suppress(OSError):
                for _ in range(100):
                    client.sendall(chunk)
                    sent += len(part)
            with suppress(OSError):
                answer = client.recv(100)
        assert sent < 40_000_000
        assert answer == b"" or answer.split()[1] == b"413"  # A closed connection may drop the answer.
        assert served.ask("/api/queue").status == 200

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[" * 100_000,
            b'{"tab": "t"',
            b"\xff",
            b'{"tab": "t", "strokes": [{"kind": "file", "points": []}]}',
            b'{"tab": "t", "strokes": [{"kind": "point", "points": [[1e400, 0]]}]}',
            b'{"tab": "t", "strokes": [{"kind": "point", "points": [[1]]}]}',
            b'{"tab": "t", "path": "/etc/passwd"}',
            b'{"tab": "t", "target": "http://evil.example/x.png"}',
            b'{"tab": "t", "target": "x@/etc/passwd"}',
            json.dumps({"tab": "t", "strokes": [{"kind": "brush", "points": [[1, 1]], "radius": 1e9}]}).encode(),
        ],
    )
    def test_a_body_that_is_no_request_is_refused(self, served: Served, body: bytes) -> None:
        answer = served.ask(CUT, body)
        assert answer.status in (400, 422) and answer.json["error"]

    def test_a_thousand_requests_at_once_are_served_or_told_to_come_again(self, served: Served) -> None:
        with ThreadPoolExecutor(100) as many:
            found = list(many.map(lambda _: served.ask("/api/items/0/photo").status, range(1000)))
        assert set(found) <= {200, 503} and found.count(200) >= AT_ONCE
        assert served.ask("/api/queue").status == 200

    def test_hints_that_contradict_a_box_are_named(self, served: Served) -> None:
        strokes = [{"kind": "box", "points": [[50, 50], [100, 100]]}, point(5, 5)]
        answer = served.ask(CUT, {"tab": "t", "strokes": strokes})
        assert answer.status == 422 and "contradict" in answer.json["error"]

    def test_a_hostile_name_is_only_a_name(self, served: Served) -> None:
        item = next(item for item in served.ask("/api/queue").json["items"] if "onerror" in item["name"])
        digest = hashlib.sha256(served.ask("/").body).hexdigest()
        assert served.decide(item["number"], "rejected").status == 200
        assert hashlib.sha256(served.ask("/").body).hexdigest() == digest
