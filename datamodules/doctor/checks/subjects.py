"""Subjects: one is called by one word in all captions, since every word for it is learnt apart."""

from collections import Counter
from collections.abc import Iterator

from datamodules.doctor.diagnosis import Diagnosis
from datamodules.doctor.examination import Examination
from datamodules.doctor.wording import SYNONYMS, subject_words

COMMON_SHARE = 0.5
"""Share of the captions that name a subject, by any word, from which on it is taken for the dataset's own."""


def check_subjects(examination: Examination) -> Iterator[Diagnosis]:
    """`subject-wording`."""
    texts = [(clip, " ".join(clip.captions)) for clip in examination.clips if any(clip.captions)]
    used = [(clip, subject_words(text)) for clip, text in texts]
    is_about_one = examination.wanted.kind == "character"
    for group in SYNONYMS:
        naming = [(clip, found[group]) for clip, found in used if group in found]
        counts = Counter(term for _, terms in naming for term in terms)
        if len(counts) < 2 or len(naming) < COMMON_SHARE * len(texts):
            continue
        usual, times = counts.most_common(1)[0]
        for clip, terms in naming:
            others = sorted(terms - {usual})
            if others:
                said = " and ".join(repr(term) for term in others)
                yield Diagnosis(
                    code="subject-wording",
                    severity="warning" if is_about_one else "note",
                    name=clip.name,
                    message=f"says {said} where {times} captions say {usual!r}",
                    fix="call one subject by one word in all captions; leave it if these are different subjects",
                )
