"""Which media a try asks for, against the conditions themselves."""

import pytest

from ltx_module.diffusion import conditioning
from ui.tries.needs import MEDIA_KEYS, is_required, keys_of, needs_of, require_media

CONDITIONS = [
    ("FirstFrame", {}),
    ("Keyframes", {}),
    ("Keyframes", {"frames": [-1]}),
    ("Keyframes", {"frames": [0, 24]}),
    ("Prefix", {"latent_frames": 2}),
    ("Prefix", {"modality": "audio", "seconds": 1.0}),
    ("Suffix", {"latent_frames": 2}),
    ("SpatialCrop", {}),
    ("Mask", {}),
    ("Mask", {"modality": "audio"}),
    ("Reference", {}),
    ("Reference", {"modality": "audio", "placement": "before"}),
]


def entry(name, **arguments):
    return {"class_path": f"ltx_module.diffusion.conditioning.{name}", "init_args": arguments}


@pytest.mark.parametrize(("name", "arguments"), CONDITIONS)
def test_the_media_of_a_condition_are_those_of_its_class(name, arguments):
    (need,) = needs_of([entry(name, **arguments)], None, stills_of_video=True)
    assert need.ways == getattr(conditioning, name)(**arguments).media


def test_a_first_frame_is_a_picture_where_nothing_else_takes_a_video():
    assert keys_of(needs_of([entry("FirstFrame")], None)) == ("image",)
    assert keys_of(needs_of([entry("FirstFrame"), entry("Prefix", latent_frames=2)], None)) == ("image", "video")


def test_a_frozen_sound_is_needed_and_a_condition_of_probability_below_one_is_not():
    needs = needs_of([entry("FirstFrame", probability=0.5)], "audio")
    assert {key: is_required(key, needs) for key in keys_of(needs)} == {"image": False, "audio": True}


def test_a_missing_reference_is_named_with_the_condition_that_needs_it():
    with pytest.raises(ValueError, match=r"Reference \(video or picture\).* is missing: Reference of the recipe"):
        require_media(needs_of([entry("Reference")], None), ())


def test_the_sound_of_a_reference_video_counts_as_the_reference_sound():
    needs = needs_of([entry("Reference"), entry("Reference", modality="audio")], None)
    require_media(needs, {"reference_video"})
    with pytest.raises(ValueError, match="Reference sound"):
        require_media(needs_of([entry("Reference", modality="audio")], None), ())


def test_a_file_that_no_condition_takes_is_refused():
    with pytest.raises(ValueError, match="no condition of this run's recipe takes it"):
        require_media(needs_of([entry("Reference")], None), {"reference_video", "image"})


def test_foreign_conditions_and_malformed_ones_ask_for_nothing():
    assert needs_of([{"class_path": "my.own.Condition"}, "nonsense", None], None) == ()
    assert needs_of("nonsense", "nonsense") == ()


def test_every_medium_of_a_prompt_has_its_place():
    from datamodules.sample_media import SampleMedia

    assert set(MEDIA_KEYS) == set(SampleMedia.__dataclass_fields__)
