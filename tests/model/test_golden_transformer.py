import pytest
import torch

CASES = {
    "transformer.shared_sigma": {},
    "transformer.independent_sigma": {},
    "transformer.first_frame": {},
    "transformer.first_frame_audio_prefix": {},
    "transformer.video_frozen": {},
    "transformer.audio_frozen": {},
    "transformer.video_only": {},
    "transformer.audio_only": {},
    "transformer.ic_reference_half_resolution": {},
    "transformer.soft_attention_mask": {},
    "transformer.stg_block1": {"skip_self_attention_blocks": (1,)},
    "transformer.isolated_modalities": {"isolate_modalities": True},
}
OTHER_WEIGHTS = {"transformer.fp8_shared_sigma": "fp8_weights", "transformer.lora_strength_0.7": "lora_weights"}
GOLDEN_CASES = [*CASES, *OTHER_WEIGHTS]


def error(outputs, golden, case) -> float:
    """Largest deviation over all present outputs, in units of max(1, largest output / 4)."""
    errors = []
    for output, name in zip(outputs, ("video", "audio"), strict=True):
        expected = golden.get(f"{case}.{name}_velocity")
        assert (output is None) == (expected is None)
        if expected is not None:
            errors.append(float((output - expected).abs().max() / max(1, expected.abs().max() / 4)))
    return max(errors)


@pytest.mark.parametrize("case", CASES)
def test_velocity_matches_the_reference(case, transformer, modality, golden):
    outputs = transformer(modality(case, "video"), modality(case, "audio"), **CASES[case])
    assert error(outputs, golden, case) < 2e-5


@pytest.mark.parametrize("case", OTHER_WEIGHTS)
def test_velocity_with_other_weights_matches_the_reference(case, build_transformer, modality, golden, request):
    transformer = build_transformer(weights=request.getfixturevalue(OTHER_WEIGHTS[case]))
    with torch.no_grad():
        outputs = transformer(modality(case, "video"), modality(case, "audio"))
    assert error(outputs, golden, case) < 2e-5


@pytest.mark.parametrize("stream", ["video", "audio"])
def test_one_stream_built_alone_matches_the_reference(stream, build_transformer, modality, golden):
    case = f"transformer.{stream}_only"
    with torch.no_grad():
        outputs = build_transformer(stream)(modality(case, "video"), modality(case, "audio"))
    assert error(outputs, golden, case) < 2e-5
