from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.parts import notice


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def read(markup) -> Reader:
    reader = Reader()
    reader.feed(markup)
    reader.close()
    return reader


@given(text=st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), min_size=1))
def test_any_text_is_shown_as_it_is(text):
    shown = read(notice.markup(text))
    assert [tag for tag, _ in shown.tags] == ["div"]
    assert shown.text == text


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "</div><img src=x onerror=alert(1)>", '" onclick="alert(1)', "&lt;b&gt;", "${value}"],
)
def test_markup_in_a_text_stays_text(text):
    shown = read(notice.show(text, "bad").value)
    assert len(shown.tags) == 1
    assert shown.text == text


def test_bad_news_is_announced_at_once_and_other_news_in_turn():
    roles = [read(notice.markup("x", tone)).tags[0][1]["role"] for tone in ("info", "good", "warn", "bad")]
    assert roles == ["status", "status", "status", "alert"]


def test_no_news_hide_it():
    assert notice.build().visible is False
    assert notice.show("").visible is False
    assert notice.show("x").visible is True
