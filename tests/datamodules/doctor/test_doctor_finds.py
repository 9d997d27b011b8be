"""Every planted fault is found under its code, by its file and by no other; a clean dataset has nothing."""

import pytest

from tests.datamodules.doctor.drawn_sets import PLANTED, PLANTED_PAIRS, write_pairs


@pytest.fixture(scope="module")
def found(faulty, examine):
    return {(finding.name, finding.code) for finding in examine(faulty).findings}


@pytest.fixture(scope="module")
def found_in_pairs(faulty_pairs, examine):
    return {(finding.name, finding.code) for finding in examine(faulty_pairs, "ic").findings}


@pytest.mark.parametrize(("name", "code"), PLANTED.items())
def test_a_planted_fault_is_found_and_nothing_else_in_its_file(found, name, code):
    assert {found_code for file, found_code in found if file == name} == {code}


@pytest.mark.parametrize(("name", "code"), PLANTED_PAIRS.items())
def test_a_fault_of_a_reference_or_mask_is_found_and_nothing_else(found_in_pairs, name, code):
    found = {(file.partition(" (")[0], found_code) for file, found_code in found_in_pairs}
    assert {found_code for file, found_code in found if file == name} == {code}


def test_files_without_a_fault_are_not_named(found, found_in_pairs):
    names = {name for name, _ in found | found_in_pairs if name}
    assert not [name for name in names if name.startswith("clean")]
    assert {code for name, code in found if not name} == {"many-clips"}
    assert {code for name, code in found_in_pairs if not name} == {"few-clips"}


def test_a_clean_dataset_has_nothing(clean, examine):
    report = examine(clean)
    assert report.findings == ()
    assert (report.clips, report.with_sound) == (21, 20)
    assert "Healthy" in report.verdict


def test_clean_pairs_with_references_and_masks_have_nothing(tmp_path, examine):
    findings = examine(write_pairs(tmp_path / "set", 9), "ic").findings
    assert {finding.code for finding in findings} == {"few-clips"}  # 30 would take long to draw
