import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.captioning.trigger import with_trigger
from datamodules.captioning.wording import clean, fault, whole_sentences
from datamodules.manifest.class_caption import has_word

PLAIN = "A woman in a red coat walks along a wet street at night, and the camera follows her."


@pytest.mark.parametrize(
    "answer",
    [
        PLAIN,
        f"  {PLAIN}\n\n",
        f'"{PLAIN}"',
        f"\u201c{PLAIN}\u201d",
        f"<think>There is a woman.\n\nI should say so.</think>\n\n{PLAIN}",
        f"There is a woman, I think.\n</think>\n{PLAIN}",
        f"**Caption:** {PLAIN}",
        f"Caption: {PLAIN}",
        f"# Caption\n\n{PLAIN}".replace("# Caption\n\n", "Description: "),
        f"Here is a caption for the clip:\n\n{PLAIN}",
        f"Sure! Here's the caption you asked for:\n{PLAIN}",
        f"Certainly! {PLAIN}",
        f"```\n{PLAIN}\n```",
        f"```text\n{PLAIN}\n```",
        f'{{"caption": "{PLAIN}"}}',
        f'```json\n{{"caption": "{PLAIN}"}}\n```',
        f"{PLAIN}\n\nLet me know if you want it shorter!",
        f"{PLAIN}\n\n*Note: the pictures are dark.*",
        f"{PLAIN}<|im_end|>",
        "The video shows a" + PLAIN[1:],
        "This short clip depicts a" + PLAIN[1:],
        "In this video, a" + PLAIN[1:],
        "In the video clip, we see a" + PLAIN[1:],
        "The scene opens with a" + PLAIN[1:],
        "We see a" + PLAIN[1:],
        PLAIN.replace("red", "**red**").replace("wet", "*wet*"),
        PLAIN.replace(" along", "\nalong").replace(", and", ",\r\n\r\nand"),
        f"- {PLAIN}",
        f"1. {PLAIN}",
        f"> {PLAIN}",
        f"## {PLAIN}",
        PLAIN.replace("street", "[street](http://x.y)"),
    ],
)
def test_an_answer_is_reduced_to_its_caption(answer):
    assert clean(answer) == PLAIN


@pytest.mark.parametrize(
    "caption",
    [
        'A man says "I am sorry" and turns away while the door closes behind him.',
        '"Stop" is written on a red sign, and a man calls out "No" as he runs past it.',
        "The shot is 2 * 3 metres wide, and snake_case_words stand on a wall of grey brick.",
        "A video game runs on a screen in a dark room while two children watch it.",
        "Rain falls at 5:30 in the morning; the note on the table says: come back soon.",
    ],
)
def test_what_belongs_to_the_caption_stays(caption):
    assert clean(caption) == caption
    assert fault(caption) is None


@given(st.text(max_size=300))
def test_any_answer_becomes_one_line_and_is_stable_in_its_spaces(answer):
    caption = clean(answer)
    assert caption == " ".join(caption.split())


@pytest.mark.parametrize(
    ("caption", "reason"),
    [
        ("", "is empty"),
        ("A cat sits.", "is too short"),
        ("I'm sorry, but I cannot identify people in these pictures for you.", "is a refusal"),
        ("I am unable to view the pictures that you mention in your message.", "is a refusal"),
        ("As an AI language model I have no eyes with which to see the clip.", "is a refusal"),
        ("Please upload the pictures so that I can describe them for you in detail.", "is a refusal"),
        ("The man nods. The man nods. The man nods. The man nods.", "repeats itself"),
        ("\u4e00\u53ea\u732b\u5750\u7740\u3002", "is too short"),
    ],
)
def test_unfit_captions_are_told(caption, reason):
    assert (fault(caption) or "").startswith(reason)


def test_scripts_without_spaces_are_counted_by_character():
    assert fault("\u4e00\u53ea\u6a58\u8272\u7684\u732b\u5750\u5728\u7a97\u53f0\u4e0a\u3002") is None


def test_a_cut_caption_ends_with_its_last_whole_sentence():
    assert whole_sentences('He says "Go." The dog ru') == 'He says "Go."'
    assert whole_sentences("It is 3.5 metres wi") == ""


@pytest.mark.parametrize(
    ("caption", "subject", "result"),
    [
        ("mia stands by the sea.", "", "mia stands by the sea."),
        ("Mia's coat is red. Mia smiles.", "woman", "mia's coat is red. The woman smiles."),
        ("A close shot of mia, and mia's dog.", "woman", "mia, a close shot of the woman, and the woman's dog."),
        ("A dog runs.", "", "mia, a dog runs."),
        ("Paris at night.", "", "mia, Paris at night."),
        ("Miami is hot.", "", "mia, Miami is hot."),
    ],
)
def test_a_named_trigger_is_the_subject_of_the_caption(caption, subject, result):
    assert with_trigger(caption, "mia", as_name=True, subject=subject) == result


@pytest.mark.parametrize(
    ("caption", "result"),
    [
        ("A woman reads.", "ink wash, a woman reads."),
        ("ink wash, a woman reads.", "ink wash, a woman reads."),
        ("A woman reads, ink wash.", "ink wash, a woman reads."),
        ("Ink Wash. A woman reads.", "ink wash, a woman reads."),
        ("She reads ink washing books.", "ink wash, she reads ink washing books."),
        ("Anna reads.", "ink wash, Anna reads."),
    ],
)
def test_any_other_trigger_is_set_in_front(caption, result):
    assert with_trigger(caption, "ink wash", as_name=False) == result


def test_without_a_trigger_nothing_changes():
    assert with_trigger("A woman reads.", " ", as_name=True) == "A woman reads."


@given(st.text(max_size=80), st.sampled_from(["mia", "ink wash", "\u00fcbung", "x9_y", "stra\u00dfe"]), st.booleans())
def test_the_trigger_is_first_and_stands_there_once(caption, trigger, as_name):
    text = with_trigger(caption, trigger, as_name=as_name)
    assert text.startswith(trigger)
    assert not has_word(text[len(trigger) :], trigger)


@given(
    st.lists(st.sampled_from(["mia", "Mia", "a", "woman", "reads", ".", ",", "mia's", "MIA"]), min_size=1, max_size=12)
)
def test_the_trigger_is_first_and_alone_wherever_the_model_put_it(words):
    for as_name in (True, False):
        text = with_trigger(" ".join(words), "mia", as_name=as_name)
        assert text.startswith("mia")
        assert not has_word(text[3:], "mia")
