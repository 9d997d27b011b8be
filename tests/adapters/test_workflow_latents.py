"""What a workflow gives to the sampler is what training gives to the model."""

from dataclasses import replace

import pytest
import torch

from ltx_module.adapters import validate_workflow
from ltx_module.diffusion.conditioning import FirstFrame, Keyframes, Mask, Prefix, Reference, SpatialCrop, Suffix
from ltx_module.diffusion.grids import AudioGrid
from ltx_module.diffusion.presets import PRESETS
from ltx_module.diffusion.tokens import audio_positions
from tests.adapters.comfyui_simulation import ComfyUI
from tests.adapters.workflow_cases import BUCKET, FILES, MODES, SOUND, before, built, frames, given, nodes, sampled


@pytest.mark.parametrize("preset", ["fast", "quality"])
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_a_valid_workflow(mode, preset):
    validate_workflow(built(preset, **MODES[mode]).graph)


@pytest.mark.parametrize("mode", MODES)
def test_numbers_of_every_mode_are_those_of_the_preset(mode):
    fast, quality = built(**MODES[mode]).graph, built("quality", **MODES[mode]).graph
    assert nodes(fast, "CFGGuider")[0]["cfg"] == PRESETS["fast"].video.cfg
    assert nodes(quality, "LTXVScheduler")[0]["steps"] == PRESETS["quality"].sigmas
    assert nodes(quality, "LTXVSpatioTemporalGuidance")[0]["scale"] == PRESETS["quality"].video.stg
    assert nodes(quality, "KSamplerSelect")[0]["sampler_name"] == PRESETS["quality"].sampler


@pytest.mark.parametrize("mode", [mode for mode, changes in MODES.items() if changes.get("streams") != "audio"])
def test_sizes_are_whole_latents(mode):
    graph = built(**MODES[mode]).graph
    sizes = nodes(graph, "EmptyLTXVLatentVideo")
    sizes += [inputs for inputs in nodes(graph, "ImageScale") if inputs["upscale_method"] == "lanczos"]
    assert sizes
    assert all((inputs["width"] % 32, inputs["height"] % 32) == (0, 0) for inputs in sizes)


@pytest.mark.parametrize(
    "condition",
    [
        FirstFrame(),
        Prefix(latent_frames=3),
        Suffix(latent_frames=2),
        Suffix(seconds=1.0),
        SpatialCrop(region=[0, 0.25, 1, 0.75]),
        SpatialCrop(region=[32, 0, 96, 96]),
    ],
)
def test_what_training_keeps_clean_of_a_video_is_given(condition):
    video, audio = sampled(conditions=(condition,))
    assert torch.equal(given(video), condition.clean_tokens((5, 3, 4), 24.0))
    assert not given(audio).any()


@pytest.mark.parametrize(
    "condition",
    [
        Prefix(modality="audio", seconds=0.4),
        Prefix(modality="audio", latent_frames=1),
        Suffix(modality="audio", latent_frames=7),
    ],
)
def test_what_training_keeps_clean_of_a_sound_is_given(condition):
    _, audio = sampled(conditions=(condition,), streams="audio", bucket=SOUND)
    assert torch.equal(given(audio), condition.clean_tokens((8, 50, 16), 24.0))


def test_a_clip_is_continued_from_its_end():
    video, _ = sampled(conditions=(Prefix(latent_frames=3),))
    # 17 frames, of which the last is number 100; each latent shows the last of its frames.
    assert video.samples[0, 0, :, 0, 0].tolist() == [84.0, 92.0, 100.0, 0.0, 0.0]


def test_a_clip_is_led_up_to_at_its_beginning():
    video, _ = sampled(conditions=(Suffix(latent_frames=2),))
    assert video.samples[0, 0, :, 0, 0].tolist() == [0.0, 0.0, 0.0, 8.0, 16.0]


def test_a_gap_between_clips_is_filled():
    video, _ = sampled(conditions=(Prefix(latent_frames=2), Suffix(latent_frames=1)))
    assert video.samples[0, 0, :, 0, 0].tolist() == [92.0, 100.0, 0.0, 0.0, 8.0]
    assert video.noise_mask[0, 0, :, 0, 0].tolist() == [0.0, 0.0, 1.0, 1.0, 0.0]


def test_a_sound_is_continued_from_its_end():
    _, audio = sampled(conditions=(Prefix(modality="audio", latent_frames=3),), streams="audio", bucket=SOUND)
    # The last 12 of 300 values; a latent shows the first of its four, the first latent stands for one.
    assert audio.samples[0, 0, :5, 0].tolist() == [289.0, 290.0, 294.0, 0.0, 0.0]


def test_a_sound_is_led_up_to_at_its_beginning():
    _, audio = sampled(conditions=(Suffix(modality="audio", latent_frames=3),), streams="audio", bucket=SOUND)
    assert audio.samples[0, 0, -4:, 0].tolist() == [0.0, 1.0, 5.0, 9.0]


def test_the_first_picture_takes_the_first_latent_frame():
    video, _ = sampled(conditions=(FirstFrame(),))
    assert video.samples[0, 0, :, 0, 0].tolist() == [50.0, 0.0, 0.0, 0.0, 0.0]


def test_a_picture_is_recompressed_as_in_training():
    assert nodes(built(conditions=(FirstFrame(recompress=33),)).graph, "LTXVPreprocess")[0]["img_compression"] == 33
    assert nodes(built(conditions=(FirstFrame(),)).graph, "LTXVPreprocess") == []


def test_strength_of_pictures_is_that_of_the_recipe():
    video, _ = sampled(conditions=(FirstFrame(),), image_strength=0.75)
    assert video.noise_mask[0, 0, :2, 0, 0].tolist() == [0.25, 1.0]


def test_keyframes_are_the_first_in_place_and_the_others_beside():
    graph = built(conditions=(Keyframes(frames=[0, 16, -1]),)).graph
    comfyui = ComfyUI(graph, {**FILES, "keyframe_16.png": frames(1)})
    video, _ = comfyui.sampled()
    assert given(video)[: 3 * 4].all()
    assert [(frame, shape) for frame, shape, _ in comfyui.guides()] == [(16, (1, 3, 4)), (-1, (1, 3, 4))]
    assert video.noise_mask[0, 0, :, 0, 0].tolist() == [0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]


def test_a_still_mask_gives_what_is_black_in_every_frame():
    mask = torch.zeros(1, 96, 128, 3)
    mask[:, 40:41, 100:101] = 1.0  # one white pixel: its latent is made anew
    video, _ = sampled({**FILES, "video_mask.png": mask}, conditions=(Mask(),))
    anew = torch.zeros(5, 3, 4, dtype=torch.bool)
    anew[:, 1, 3] = True
    assert torch.equal(given(video), ~anew.flatten())
    assert video.samples[0, 0, :, 0, 0].tolist() == [1.0, 9.0, 17.0, 25.0, 33.0]


@pytest.mark.parametrize(("frame", "latent"), [(0, 0), (1, 1), (8, 1), (9, 2), (32, 4)])
def test_a_moving_mask_follows_the_causal_vae(frame, latent):
    mask = torch.zeros(33, 96, 128, 3)
    mask[frame, :32, :32] = 1.0
    video, _ = sampled({**FILES, "video_mask.mp4": mask}, conditions=(Mask(),), moving_mask=True)
    anew = torch.zeros(5, 3, 4, dtype=torch.bool)
    anew[latent, 0, 0] = True
    assert torch.equal(given(video), ~anew.flatten())


def test_a_stretch_of_sound_is_made_anew_and_the_rest_kept():
    _, audio = sampled(conditions=(Mask(modality="audio"),), streams="audio", bucket=SOUND)
    assert (~given(audio)).nonzero().flatten().tolist() == list(range(16, 32))
    assert audio.samples.shape == (1, 1, 50, 16)


def test_a_given_sound_is_kept_whole_and_put_into_the_video():
    graph = built(frozen="audio").graph
    video, audio = ComfyUI(graph, FILES).sampled()
    assert given(audio).all()
    assert not given(video).any()
    assert audio.samples.shape[2] == round(33 / 24 * 25)
    assert graph[nodes(graph, "CreateVideo")[0]["audio"][0]]["class_type"] == "TrimAudioDuration"


def test_a_given_video_is_kept_whole_and_shown_as_it_was():
    graph = built(frozen="video").graph
    video, audio = ComfyUI(graph, FILES).sampled()
    assert given(video).all()
    assert not given(audio).any()
    assert graph[nodes(graph, "CreateVideo")[0]["images"][0]]["class_type"] == "ImageFromBatch"
    assert nodes(graph, "VAEDecodeTiled") == []


@pytest.mark.parametrize("factor", [1, 2])
def test_a_reference_lies_beside_the_video_at_its_own_size(factor):
    bucket = replace(BUCKET, height=64)
    graph = built(conditions=(Reference(),), reference_downscale_factor=factor, bucket=bucket).graph
    comfyui = ComfyUI(graph, FILES)
    video, _ = comfyui.sampled()
    assert comfyui.guides() == [(0, (5, 2 // factor, 4 // factor), None)]
    assert video.noise_mask[0, 0, :, 0, 0].tolist() == [1.0] * 5 + [0.0] * 5
    guide = nodes(graph, "LTXVAddGuide")[0]
    assert nodes(graph, "GetICLoRAParameters") == [{"iclora_model": ["5", 0]}]
    assert graph[guide["iclora_parameters"][0]]["class_type"] == "GetICLoRAParameters"


@pytest.mark.parametrize("mode", ["reference", "small reference", "reference and image", "keyframes"])
def test_guides_come_before_the_sound_and_go_before_decoding(mode):
    graph = built(**MODES[mode]).graph
    guide = next(number for number, node in graph.items() if node["class_type"] == "LTXVAddGuide")
    assert before(graph, guide, "11")
    assert before(graph, "17", "24")
    assert graph["18"]["inputs"]["samples"] == ["24", 2]


def test_attention_to_a_reference_is_that_of_the_recipe():
    graph = built(conditions=(Reference(),), attention_strength=0.5).graph
    ((_, _, weights),) = ComfyUI(graph, FILES).guides()
    assert weights.shape[0] == 33  # one for each pixel frame; a single one would act on the first latent frame alone
    assert weights.unique().tolist() == [0.5]


def test_a_given_video_sets_the_frame_rate():
    graph = built(conditions=(Reference(),)).graph
    rates = [
        graph[number]["inputs"][name] for number, name in (("8", "frame_rate"), ("10", "frame_rate"), ("20", "fps"))
    ]
    assert rates == [rates[0]] * 3
    assert graph[rates[0][0]]["class_type"] == "GetVideoComponents"


def test_a_given_sound_keeps_the_frame_rate_that_its_latents_are_counted_at():
    graph = built(**MODES["extend both"]).graph
    assert (graph["8"]["inputs"]["frame_rate"], graph["20"]["inputs"]["fps"]) == (24.0, 24.0)


def test_a_video_recipe_keeps_the_sound_of_the_video_it_changes():
    assert nodes(built(**MODES["inpaint"]).graph, "LTXVAudioVAEDecode") == []
    assert len(nodes(built(conditions=(Mask(),)).graph, "LTXVAudioVAEDecode")) == 1


def test_sound_alone_is_guided_and_saved_as_sound():
    graph = built("quality", **MODES["sound"]).graph
    assert nodes(graph, "CFGGuider")[0]["cfg"] == PRESETS["quality"].audio.cfg
    assert nodes(graph, "LTXVModalityGuidance") == []
    assert len(nodes(graph, "SaveAudio")) == 1
    assert ComfyUI(graph, FILES).sampled()[1].samples.shape[2] == 50


def test_a_reference_sound_is_shown_without_further_guidance():
    graph = built(**MODES["sound reference"]).graph
    reference = nodes(graph, "LTXVReferenceAudio")[0]
    assert reference["identity_guidance_scale"] == 0.0
    assert graph[graph["12"]["inputs"]["positive"][0]]["class_type"] == "LTXVReferenceAudio"


@pytest.mark.parametrize("mode", MODES)
def test_the_pack_is_named_where_it_is_needed(mode):
    pack = {"inpaint moving", "sound", "sound extend", "sound lead in", "sound inpaint", "sound reference"}
    assert built(**MODES[mode]).packs == (("ComfyUI-LTXVideo",) if mode in pack else ())


def test_loaders_begin_with_the_files_of_the_recipe():
    graph = built(conditions=(FirstFrame(),), media={"image": "mia.jpg"}).graph
    assert nodes(graph, "LoadImage") == [{"image": "mia.jpg"}]


def test_a_sound_before_the_beginning_lies_where_comfyui_puts_it():
    # ComfyUI: the usual bounds, less the end of the last token and the length of one latent.
    usual, before = audio_positions(10)[0, 0], AudioGrid(length=10, is_before=True).bounds()[0]
    torch.testing.assert_close(before, usual - usual[-1, 1] - 0.04, rtol=0, atol=1e-6)
