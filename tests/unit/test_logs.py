"""The log: one line an event whatever is in it, no secret, no flood."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.logs.handler import Handler, set_up
from edge_agent.logs.lines import LONGEST, JsonLines, TextLines, escape
from edge_agent.logs.repeats import MOST_KEYS, Repeats
from edge_agent.settings.keys import secret_values
from edge_agent.settings.model import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "correct horse"


class Log:
    """A logger of its own, and what it has written."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.stream = io.StringIO()
        self.handler = Handler(self.stream)
        self.handler.setFormatter(formatter)
        self.logger = logging.Logger("edge_agent.pool.supervisor")  # noqa: LOG001 - one that nobody else shares
        self.logger.addHandler(self.handler)

    @property
    def lines(self) -> list[str]:
        """What was written."""
        return self.stream.getvalue().splitlines()


def explode(words: str) -> None:
    """Fail as a bug would."""
    raise RuntimeError(words)


def as_json(*secrets: str) -> Log:
    return Log(JsonLines(secrets))


def as_text(*, terminal: bool = False) -> Log:
    return Log(TextLines((SECRET,), terminal=terminal))


@given(st.text(max_size=300))
def test_whatever_is_in_it_an_event_is_one_line_that_moves_no_cursor(words: str) -> None:
    log, readable = as_json(), as_text()
    for each in (log, readable):
        each.logger.warning("heard %s", words)
        assert each.stream.getvalue().count("\n") == 1
        assert each.stream.getvalue()[:-1].isprintable()
    assert json.loads(log.lines[0])["message"] == f"heard {escape(words)}"


def test_a_line_for_programs_has_the_same_keys_always() -> None:
    log = as_json()
    log.logger.info("worker %d is ready", 1, extra={"worker": 1, "about": "a\nb", "odd": object()})
    (line,) = map(json.loads, log.lines)
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "info", "part": "pool.supervisor", "message": "worker 1 is ready", "worker": 1, "about": r"a\nb",
    }  # fmt: skip


def test_a_line_for_people_begins_with_the_time() -> None:
    log, terminal = as_text(), as_text(terminal=True)
    log.logger.warning("worker 1 died")
    terminal.logger.warning("worker 1 died")
    assert re.fullmatch(
        r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} WARNING pool.supervisor: worker 1 died", log.lines[0]
    )
    assert re.fullmatch(
        r"\x1b\[38;5;166m\d\d:\d\d:\d\d WARNING pool.supervisor: worker 1 died\x1b\[0m", terminal.lines[0]
    )


def test_the_stack_of_an_error_is_in_its_line() -> None:
    for log in (as_json(), as_text()):
        try:
            explode("no\nnumber")
        except RuntimeError:
            log.logger.exception("a message could not be taken in")
        (line,) = log.lines
        assert "Traceback" in line
        assert r"no\\nnumber" in line or r"no\nnumber" in line


@pytest.mark.parametrize("log", [as_json(SECRET, "x"), as_text()])
def test_no_secret_and_no_picture_is_written(log: Log) -> None:
    log.logger.error("tried %s at https://me:hidden@host/x with %s", SECRET, b"\xff\xd8" * 500, extra={"how": SECRET})
    try:
        explode(SECRET)
    except RuntimeError:
        log.logger.exception("failed with x")
    text = log.stream.getvalue()
    assert SECRET not in text
    assert "hidden" not in text
    assert "tried *** at https://***@host/x with (1000 bytes)" in text
    assert "failed with x" in text, "what is too short is no secret that can be looked for"


def test_a_long_message_is_cut() -> None:
    log = as_json()
    log.logger.info("x" * 10_000)
    message = json.loads(log.lines[0])["message"]
    assert len(message) < LONGEST + 50
    assert message.endswith("(6000 more characters)")


def test_every_password_of_the_settings_is_kept_secret() -> None:
    settings = Settings.model_validate({"mqtt": {"password": SECRET}})
    assert secret_values(settings) == (SECRET,)
    assert secret_values(Settings()) == ()


def test_the_same_words_are_written_three_times_a_minute_and_lines_that_are_alike_twenty_times() -> None:
    log = as_json()
    for _ in range(10):
        log.logger.warning("the disk is full")
    for number in range(50):
        log.logger.warning("frame %d failed", number)
    log.logger.critical("gone")
    assert len(log.lines) == 3 + 20 + 1
    log.handler.close()
    assert [json.loads(line)["message"] for line in log.lines[-2:]] == [
        "the disk is full (7 more like this were left out)",
        "frame %d failed (30 more like this were left out)",
    ]


def test_repeats_are_counted_and_told_with_the_next_one() -> None:
    repeats = Repeats(2, 10.0)
    assert [repeats.admit("a", now) for now in (0.0, 1.0, 2.0, 9.9)] == [0, 0, None, None]
    assert repeats.over(9.9) == []
    assert repeats.admit("a", 10.0) == 2
    assert repeats.admit("b", 10.0) == 0
    assert [repeats.admit("a", now) for now in (11.0, 12.0)] == [0, None]
    assert repeats.over(20.0) == [("a", 1)]
    assert repeats.over(20.0) == []


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0.0, 30.0)), max_size=100))
def test_no_line_is_lost_without_being_counted(lines: list[tuple[int, float]]) -> None:
    repeats, now, written, told = Repeats(2, 10.0), 0.0, 0, 0
    for kind, wait_s in lines:
        now += wait_s
        left_out = repeats.admit(kind, now)
        written += left_out is not None
        told += left_out or 0
    told += sum(left_out for _, left_out in repeats.over(float("inf")))
    assert written + told == len(lines)


def test_no_more_kinds_are_remembered_than_fit() -> None:
    repeats = Repeats(1, 10.0)
    for number in range(MOST_KEYS + 1):
        repeats.admit(number, 0.0)
    assert repeats.admit(0, 1.0) == 0
    assert repeats.admit(MOST_KEYS, 1.0) is None


@pytest.fixture
def _quiet() -> Iterator[None]:
    """Leave the logging of the tests as it was."""
    root, hook, thread_hook = logging.getLogger(), sys.excepthook, threading.excepthook
    level, handlers = root.level, root.handlers[:]
    root.handlers.clear()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook, threading.excepthook = hook, thread_hook


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize(
    ("wanted", "stream", "first"),
    [
        ("auto", io.StringIO(), "{"),
        ("auto", Terminal(), "\x1b"),
        ("text", io.StringIO(), "2"),
        ("json", Terminal(), "{"),
    ],
)
def test_the_format_is_chosen_by_where_it_goes(wanted: Any, stream: io.StringIO, first: str) -> None:
    set_up("warning", wanted, stream=stream)
    logging.getLogger("edge_agent.x").info("not this")
    logging.getLogger("edge_agent.x").warning("this")
    assert stream.getvalue().startswith(first)
    assert stream.getvalue().count("\n") == 1


@pytest.mark.usefixtures("_quiet")
def test_what_nobody_has_caught_is_a_line_too() -> None:
    stream = io.StringIO()
    set_up("info", "json", stream=stream)
    try:
        explode("")
    except RuntimeError as error:
        sys.excepthook(RuntimeError, error, error.__traceback__)
        sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert (line["level"], line["message"]) == ("critical", "this is a bug, please report it: RuntimeError")
    assert "Traceback" in line["stack"]
