"""Logs as a terminal shows them."""

from hypothesis import given
from hypothesis import strategies as st

from ui.jobs.log_tail import read_tail, terminal_text


def test_a_progress_bar_is_shown_in_its_last_state():
    assert terminal_text("start\n 10%|#   \r 50%|##  \r100%|####\ndone\n") == "start\n100%|####\ndone\n"


def test_a_bar_that_is_being_drawn_anew_keeps_what_was_there():
    assert terminal_text("train: 50%\r") == "train: 50%"
    assert terminal_text("long line\rnew") == "newg line"  # as on a terminal


def test_windows_line_ends_are_line_ends():
    assert terminal_text("a\r\nb\r\n") == "a\nb\n"


def test_colours_titles_and_control_characters_vanish():
    assert terminal_text("\x1b[1;31mred\x1b[0m \x1b]0;title\x07plain\x08\x00") == "red plain"


@given(st.text())
def test_nothing_of_a_terminal_is_left(text):
    shown = terminal_text(text)
    assert not any(character in shown for character in "\x1b\r\x00\x07\x08")


def test_only_the_end_of_a_long_log_is_read_from_a_whole_line_on(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("".join(f"line {number}\n" for number in range(100_000)))
    tail = read_tail(log, 1000)
    assert len(tail) <= 1000
    assert tail.splitlines()[0].startswith("line ")
    assert tail.endswith("line 99999\n")


def test_a_cut_in_the_middle_of_a_character_breaks_nothing(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("ä" * 50)
    assert set(read_tail(log, 31)) <= {"ä", "\ufffd"}


def test_one_endless_line_is_shown_from_its_end(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("\r".join(f"{number:6d}/100000" for number in range(10_000)))
    assert read_tail(log, 500) == "  9999/100000"


def test_a_log_that_is_not_there_is_empty(tmp_path):
    assert read_tail(tmp_path / "log.txt", 100) == ""
