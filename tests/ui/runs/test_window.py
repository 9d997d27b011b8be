from hypothesis import given
from hypothesis import strategies as st

from ui.runs.window import windowed


@given(st.integers(0, 60), st.integers(1, 13))
def test_the_windows_show_every_item_and_never_too_many(count, size):
    items = list(range(count))
    windows = windowed(items, 0, size)[0].windows
    shown = [windowed(items, number, size)[1] for number in range(windows)]
    assert {item for window in shown for item in window} == set(items)
    assert all(len(window) == min(size, count) for window in shown)


@given(st.integers(0, 60), st.integers(1, 13), st.none() | st.integers(-5, 100))
def test_any_number_gives_a_window_that_says_what_it_shows(count, size, number):
    window, shown = windowed(list(range(1, count + 1)), number, size)
    assert 0 <= window.number < window.windows
    assert (window.first, window.last, window.total) == ((shown[0], shown[-1], count) if shown else (0, 0, 0))


def test_no_number_is_the_last_window():
    assert windowed(list("abcde"), None, 2)[1] == ["d", "e"]
