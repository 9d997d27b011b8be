"""Which workflows a recipe gets, and which it cannot get."""

from dataclasses import replace

import pytest

from ltx_module.adapters import validate_workflow
from ltx_module.adapters.workflows import plan_workflows
from ltx_module.diffusion.conditioning import FirstFrame, Keyframes, Mask, Prefix, Reference, Suffix
from tests.adapters.workflow_cases import MODES, REQUEST, SOUND, built, nodes


def names(**changes):
    return [plan.name for plan in plan_workflows(replace(REQUEST, **changes))[0]]


def test_a_condition_that_sometimes_applies_makes_a_second_workflow():
    assert names(conditions=(FirstFrame(0.5),)) == ["", "image"]
    assert names(conditions=(Reference(), FirstFrame(0.2))) == ["reference", "reference-image"]
    assert names(conditions=(FirstFrame(1.0),)) == ["image"]
    assert names(conditions=(FirstFrame(0.0),)) == [""]


def test_one_kind_on_both_modalities_is_one_way():
    both = (Prefix(0.5, latent_frames=2), Prefix(0.5, modality="audio", seconds=0.4), Suffix(0.5, latent_frames=1))
    assert names(conditions=both) == ["", "extend-with-sound", "lead-in"]


def test_ways_that_differ_in_modality_have_names_of_their_own():
    video, audio = Prefix(latent_frames=2), Prefix(0.5, modality="audio", seconds=0.4)
    assert names(conditions=(video, audio)) == ["extend", "extend-with-sound"]
    assert names(conditions=(audio,)) == ["", "sound-extend"]
    sound_alone = Prefix(modality="audio", seconds=0.4)
    assert names(conditions=(sound_alone,), streams="audio", bucket=SOUND) == ["extend"]


def test_a_clip_is_continued_with_its_own_sound():
    graph = built(**MODES["extend both"]).graph
    assert nodes(graph, "LoadAudio") == []
    trimmed = nodes(graph, "TrimAudioDuration")[0]
    assert graph[trimmed["audio"][0]]["class_type"] == "GetVideoComponents"
    other = built(**MODES["extend both"], media={"audio": "other.wav"}).graph
    assert nodes(other, "LoadAudio") == [{"audio": "other.wav"}]


def test_masks_of_a_picture_come_still_and_moving():
    assert names(conditions=(Mask(),)) == ["inpaint", "inpaint-moving"]


def test_frozen_modalities_have_their_own_names():
    assert (names(frozen="audio"), names(frozen="video")) == (["from-sound"], ["from-video"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"conditions": (Reference(),), "reference_temporal_factor": 2}, "reference_temporal_factor` 2"),
        ({"conditions": (Reference(modality="audio"),)}, "`placement: aligned`, which only `sample` does"),
        ({"conditions": (Reference(), Mask())}, r"guides \(Reference\) cannot"),
        ({"conditions": (Keyframes(), Suffix(latent_frames=1))}, r"guides \(Keyframes\) cannot"),
        ({"conditions": (Mask(), Prefix(latent_frames=1))}, "Mask and Prefix of one video"),
        (
            {"conditions": (Mask(modality="audio"), Prefix(modality="audio", latent_frames=1))},
            "Mask and Prefix of one sound",
        ),
    ],
)
def test_what_has_no_nodes_is_said_and_not_exported(changes, reason):
    plans, left_out = plan_workflows(replace(REQUEST, **changes))
    assert plans == []
    assert len(left_out) == 1
    with pytest.raises(ValueError, match=reason):
        built(**changes)


def test_a_size_that_the_reference_does_not_divide_is_refused():
    with pytest.raises(ValueError, match=r"`sample\.size` is 128x96x33.*multiples of 64: use 128x128x33"):
        built(conditions=(Reference(),), reference_downscale_factor=2)


def test_a_condition_that_does_not_fit_the_sample_is_refused():
    with pytest.raises(ValueError, match=r"do not fit `sample\.size` 128x96x33: `latent_frames` of Prefix is 5"):
        built(conditions=(Prefix(latent_frames=5),))


def test_sound_alone_has_no_size_in_pixels():
    with pytest.raises(ValueError, match=r"`sample\.size` is 2s, but `model\.streams` is av"):
        built(bucket=SOUND)


def test_a_choice_that_a_node_does_not_have_is_named():
    graph = built(conditions=(FirstFrame(),)).graph
    scale = next(node for node in graph.values() if node["class_type"] == "ImageScale")
    scale["inputs"]["crop"] = "middle"
    with pytest.raises(ValueError, match="crop is 'middle', but must be one of disabled, center"):
        validate_workflow(graph)
