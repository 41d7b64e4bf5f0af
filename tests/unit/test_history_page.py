"""The pages of the history, who may read them, and who may act."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from edge_agent.domain import Publication, Setting
from edge_agent.history.entries import Entry, EntryKind, PictureKind
from edge_agent.history.reader import HistoryReader
from edge_agent.history.store import DATABASE, Store
from edge_agent.web.access import TRIES, TRIES_S, Access, Secrets, hashed, matches
from edge_agent.web.board import Board
from edge_agent.web.history_site import Actions, HistorySite
from edge_agent.web.request import Request
from edge_agent.web.site import Sources, respond
from edge_agent.web.visits import MOST_SHOWN
from testing.values import NOON
from tests.visitors_past import batch, entry

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.web.request import Response

HOSTILE = "\"><script>alert('x')</script>&"
TOKEN = "the token"
INGRESS = "172.30.32.2"
AT_NOON = NOON.astimezone()
DAY = AT_NOON.date()


class House:
    """A site with a history, asked by clients."""

    def __init__(self, folder: Path, *entries: Entry, known: Secrets | None = None) -> None:
        self.folder = folder
        self.deleted: list[str] = []
        self.set: list[Setting] = []
        self.now = 0.0
        with Store(folder) as store:
            store.write(batch(*entries))
        self.access = Access(known)
        board = Board("attic", 0.0)
        for name in ("front", "garden"):
            board.record(Publication(f"doorbell/{name}/availability", b"online"), 0.0)
            board.record(Publication(f"doorbell/{name}/detection", b"ON"), 0.0)
        self.board = board
        reader = HistoryReader(folder)
        site = HistorySite(reader, self.deleted.append, 30, lambda: datetime.combine(DAY, AT_NOON.time()))
        self._sources = Sources(
            lambda: board.view(1.0, 0.0),
            board.picture,
            board.test_picture,
            None,
            site,
            Actions(self.set.append),
            self.access,
        )

    def get(self, path: str = "/", client: str = "127.0.0.1", **changes: Any) -> Response:
        return respond(Request(path, client, **changes), self._sources, (), self.now)

    def post(self, path: str, **changes: Any) -> Response:
        values = {"client": "127.0.0.1", "key": self.access.key, "token": TOKEN, "fetch_site": "same-origin"} | changes
        return self.get(path, method="POST", **values)

    def page(self, path: str = "/", **changes: Any) -> str:
        return self.get(path, **changes).body.decode()


def press(number: int, visit: Entry | None = None, **changes: Any) -> Entry:
    began_at = NOON + timedelta(seconds=number)
    made = Entry(
        f"{number:016x}", EntryKind.PRESS, "front", began_at, began_at, "press", answer="face",
        visit_id=visit.entry_id if visit else None,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def test_today_is_a_timeline_with_faces(tmp_path: Path) -> None:
    visit = entry(1, minutes=1, snapshot=500, face=50)
    page = House(tmp_path, visit, press(2, visit), entry(3, minutes=3, doorbell="garden")).page()
    assert '<h2 id="visits">Today<small>2 visits · 1 press</small></h2>' in page
    assert page.index("garden</b>") < page.index("front</b>"), "the newest first"
    assert page.index("Today") < page.index('class="doors"')
    assert f'href="visits/{visit.entry_id}"' in page
    assert f'src="visits/{visit.entry_id}/face.jpg"' in page
    assert "1 person · 20 s · rang" in page
    assert f"visits/{press(2).entry_id}" not in page, "it is part of the visit"


def test_an_empty_day_and_the_day_before(tmp_path: Path) -> None:
    page = House(tmp_path, entry(1, minutes=-3 * 24 * 60)).page()
    assert "Nobody was at the door today." in page
    assert f'href="days/{DAY - timedelta(days=3)}"' in page
    there = House(tmp_path).page(f"/days/{DAY - timedelta(days=3)}")
    assert "1 visit" in there
    assert "Nobody" not in there


def test_a_day_of_one_doorbell(tmp_path: Path) -> None:
    house = House(tmp_path, entry(1), entry(2, minutes=1, doorbell="garden"))
    page = house.page(f"/days/{DAY}/garden")
    assert entry(2).entry_id in page
    assert entry(1).entry_id not in page
    assert f'<a href="days/{DAY}/garden" aria-current="page">garden 1</a>' in page
    assert '<base href="../../">' in page


def test_a_busy_day_shows_its_newest_entries(tmp_path: Path) -> None:
    page = House(tmp_path, *(entry(number, minutes=number / 10) for number in range(MOST_SHOWN + 7))).page()
    assert page.count("<time") == MOST_SHOWN
    assert "7 earlier entries are not shown" in page


def test_a_visit_shows_its_pictures_times_and_why_faces_did_not_count(tmp_path: Path) -> None:
    visit = msgspec.structs.replace(
        entry(1, snapshot=500, face=50), rejected={"too_small": 3, "a_new_reason": 1}, people=2
    )
    page = House(tmp_path, visit, press(0, visit)).page(f"/visits/{visit.entry_id}")
    for said in (
        "snapshot.jpg",
        "face.jpg",
        "3 too small",
        "1 a_new_reason",
        "(20 s)",
        "<dd>2</dd>",
        "93%",
        "a face",
    ):
        assert said in page
    assert '<base href="../">' in page


def test_a_press_shows_the_face_of_its_visit(tmp_path: Path) -> None:
    visit = entry(1, snapshot=500, face=50)
    page = House(tmp_path, visit, press(2, visit, snapshot_bytes=300)).page(f"/visits/{press(2).entry_id}")
    assert f"visits/{press(2).entry_id}/snapshot.jpg" in page
    assert f"visits/{visit.entry_id}/face.jpg" in page


@pytest.mark.parametrize("path", ["/visits/none", "/visits/..%2f", "/visits/a.b", f"/visits/{HOSTILE}"])
def test_an_entry_that_is_gone_is_a_page(tmp_path: Path, path: str) -> None:
    house = House(tmp_path)
    answered = house.get(path)
    assert answered.status == 404
    assert HOSTILE not in answered.body.decode()


@pytest.mark.parametrize(
    "path", ["/days/yesterday", "/days/2026-1-1", "/days/20260101", "/days/0001-01-01", "/days/9999-12-31",
             "/days/2026-01-02/a/b", "/days/2026-01-02/a.b", "/visits", "/visits/a/other.jpg"],
)  # fmt: skip
def test_other_paths_do_not_exist(tmp_path: Path, path: str) -> None:
    assert House(tmp_path).get(path).status == 404


def test_a_picture_keeps_its_address_and_is_sent_once(tmp_path: Path) -> None:
    visit = entry(1, snapshot=500, face=50)
    house = House(tmp_path, visit)
    for kind in PictureKind:
        path = f"/visits/{visit.entry_id}/{kind}.jpg"
        first = house.get(path)
        assert (first.status, first.content_type, first.headers["Cache-Control"]) == (
            200, "image/jpeg", "private, max-age=604800, immutable",
        )  # fmt: skip
        again = house.get(path, if_none_match=f'"other", W/{first.headers["ETag"]}')
        assert (again.status, again.body) == (304, b"")
    assert house.get("/visits/none/face.jpg").status == 404


def test_a_picture_of_a_visit_that_lasts_is_asked_for_again(tmp_path: Path) -> None:
    lasting = msgspec.structs.replace(entry(1, snapshot=500), ended_at=None)
    answered = House(tmp_path, lasting).get(f"/visits/{lasting.entry_id}/snapshot.jpg")
    assert answered.headers["Cache-Control"] == "private, no-cache"


def test_a_damaged_history_leaves_the_page(tmp_path: Path) -> None:
    house = House(tmp_path, entry(1))
    (tmp_path / DATABASE).write_bytes(b"noise" * 1000)
    answered = house.get()
    assert answered.status == 200
    assert "damaged" in answered.body.decode()
    assert 'class="doors"' in answered.body.decode()
    assert house.get(f"/visits/{entry(1).entry_id}").status == 503


def test_nothing_of_an_entry_is_markup(tmp_path: Path) -> None:
    hostile = msgspec.structs.replace(entry(1), trigger=HOSTILE, rejected={HOSTILE: 1}, doorbell=HOSTILE)
    house = House(tmp_path, hostile)
    assert HOSTILE not in house.page() + house.page(f"/visits/{hostile.entry_id}")


# Actions


def test_without_a_token_the_page_is_read_only(tmp_path: Path) -> None:
    house = House(tmp_path, entry(1))
    for page in (house.page(), house.page(f"/visits/{entry(1).entry_id}")):
        for control in ("<button", "<dialog", "actions.js", house.access.key):
            assert control not in page
    answered = house.post(f"/visits/{entry(1).entry_id}/delete")
    assert (answered.status, house.deleted) == (403, [])
    assert b"http.token" in answered.body


ACTIONS = {
    "delete": f"/visits/{entry(1).entry_id}/delete",
    "export": f"/days/{DAY}/export",
    "detection": "/doorbells/front/detection/off",
    "mute": "/doorbells/front/mute/on",
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    "changes",
    [
        {"token": ""},
        {"token": "wrong"},
        {"token": TOKEN.upper()},
        {"key": ""},
        {"key": "wrong"},
        {"fetch_site": "cross-site"},
        {"fetch_site": "same-site"},
        {"client": INGRESS, "token": ""},
        {"client": "192.168.1.9", "token": "", "ingress_path": "/api/hassio_ingress/x"},
        {"client": INGRESS, "token": "", "ingress_path": "//evil"},
        {"client": INGRESS, "key": "", "ingress_path": "/api/hassio_ingress/x"},
    ],
)
def test_an_action_needs_token_or_ingress_and_the_key_of_the_page(
    tmp_path: Path, action: str, changes: dict[str, str]
) -> None:
    house = House(tmp_path, entry(1), known=Secrets(token=TOKEN, ingress=(INGRESS,)))
    assert house.post(ACTIONS[action], **changes).status == 403
    assert (house.deleted, house.set) == ([], [])


@pytest.mark.parametrize("changes", [{}, {"client": INGRESS, "token": "", "ingress_path": "/api/hassio_ingress/x"}])
def test_a_visit_is_deleted_with_its_presses(tmp_path: Path, changes: dict[str, str]) -> None:
    visit = entry(1)
    house = House(tmp_path, visit, press(2, visit), known=Secrets(token=TOKEN, ingress=(INGRESS,)))
    assert house.post(ACTIONS["delete"], **changes).status == 204
    assert house.deleted == [visit.entry_id, press(2).entry_id]
    assert house.post("/visits/none/delete", **changes).status == 404


def test_a_day_is_exported(tmp_path: Path) -> None:
    house = House(tmp_path, entry(1, snapshot=500, face=50), entry(2, minutes=5 * 24 * 60), known=Secrets(token=TOKEN))
    answered = house.post(ACTIONS["export"])
    with zipfile.ZipFile(io.BytesIO(answered.body)) as archive:
        names = archive.namelist()
        (line,) = archive.read("visits.jsonl").splitlines()
    assert json.loads(line)["entry_id"] == entry(1).entry_id
    assert len(names) == 3
    assert answered.headers["Content-Disposition"] == f'attachment; filename="visits-{DAY}.zip"'


def test_detection_is_switched_for_known_doorbells_only(tmp_path: Path) -> None:
    house = House(tmp_path, known=Secrets(token=TOKEN))
    assert "Turn detection off" in house.page()
    assert house.post("/doorbells/front/detection/off").status == 204
    assert house.set == [Setting("detection", "front", "OFF")]
    for path, status in (
        ("/doorbells/attic/detection/off", 404),
        ("/days/someday/export", 404),
        ("/doorbells/front/detection/maybe", 405),
        ("/", 405),
    ):
        assert house.post(path).status == status


def test_notifications_are_muted_and_the_page_says_so(tmp_path: Path) -> None:
    house = House(tmp_path, known=Secrets(token=TOKEN))
    house.board.record(Publication("doorbell/front/mute", b"OFF"), 0.0)
    assert house.page().count("Mute for an hour") == 1
    assert house.post("/doorbells/front/mute/on").status == 204
    assert house.set == [Setting("mute", "front", "ON")]
    house.board.record(Publication("doorbell/front/mute", b"ON"), 0.0)
    page = house.page()
    assert "Mute for an hour" not in page
    assert (page.count(">Unmute<"), page.count(">muted<")) == (1, 1)
    assert house.post("/doorbells/front/mute/off").status == 204
    assert house.set[-1] == Setting("mute", "front", "OFF")


def test_who_may_only_read_sees_that_notifications_are_muted(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.board.record(Publication("doorbell/front/mute", b"ON"), 0.0)
    page = house.page()
    assert (page.count(">muted<"), page.count("<button")) == (1, 0)


def test_through_the_ingress_no_token_is_asked_for(tmp_path: Path) -> None:
    house = House(tmp_path, entry(1), known=Secrets(token=TOKEN, ingress=(INGRESS,)))
    at_home = house.page(client=INGRESS, ingress_path="/api/hassio_ingress/x")
    assert "<dialog" in at_home
    assert "password" not in at_home
    assert 'type="password"' in house.page()


# The password


def _basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()


@pytest.mark.parametrize("known", ["a pässword: with a colon", hashed("a pässword: with a colon")])
def test_a_password_protects_everything_but_the_probes(tmp_path: Path, known: str) -> None:
    house = House(tmp_path, entry(1, snapshot=500), known=Secrets(password=known, ingress=(INGRESS,)))
    paths = (
        "/",
        f"/days/{DAY}",
        f"/visits/{entry(1).entry_id}/snapshot.jpg",
        "/metrics",
        "/page.css",
        "/picture/front",
    )
    for path in paths:
        answered = house.get(path)
        assert (answered.status, answered.headers["WWW-Authenticate"]) == (401, 'Basic realm="edge-agent"')
    assert house.get("/livez").status == 200
    assert house.get(authorization=_basic("a pässword: with a colon")).status == 200
    assert house.get(client=INGRESS, ingress_path="/api/hassio_ingress/x").status == 200
    assert house.get(client="192.168.1.9", ingress_path="/api/hassio_ingress/x").status == 401
    for wrong in (_basic("wrong"), "Basic !!", "Basic", "Bearer x", "Basic " + base64.b64encode(b"\xff").decode()):
        assert house.get(authorization=wrong, client="192.168.1.5").status == 401


def test_wrong_passwords_are_limited_for_each_address(tmp_path: Path) -> None:
    house = House(tmp_path, known=Secrets(password="right"))
    for _ in range(TRIES):
        assert house.get(authorization=_basic("wrong")).status == 401
    refused = house.get(authorization=_basic("right"))
    assert (refused.status, refused.headers["Retry-After"]) == (429, "60")
    assert house.get(authorization=_basic("right"), client="192.168.1.5").status == 200
    house.now = TRIES_S + 1
    assert house.get(authorization=_basic("right")).status == 200


def test_wrong_tokens_are_limited_too(tmp_path: Path) -> None:
    house = House(tmp_path, entry(1), known=Secrets(token=TOKEN))
    for _ in range(TRIES):
        assert house.post(ACTIONS["delete"], token="wrong").status == 403
    assert house.post(ACTIONS["delete"]).status == 429


@pytest.mark.parametrize("known", ["scrypt:", "scrypt:zz:zz", "scrypt:00", "scrypt:00:00:00"])
def test_a_broken_hash_matches_nothing(known: str) -> None:
    assert not matches("", known)
    assert not matches("x", known)
