import json
from dataclasses import replace

import pytest
import torch

from datamodules.geometry import Bucket
from ltx_module.adapters import WorkflowRequest, build_workflow, validate_workflow
from ltx_module.diffusion.presets import PRESETS

REQUEST = WorkflowRequest(
    lora="MY.safetensors",
    checkpoint="ltx-2.3-22b-dev.safetensors",
    prompt="a cat walks",
    negative_prompt="pc game, console game, video game, cartoon, childish, ugly",
    trigger="TRIGGER",
    bucket=Bucket(width=960, height=544, frames=121),
)
CKPT = "ltx-2.3-22b-dev.safetensors"
# The published single-stage graph, written out by hand.
FAST = {
    "1": ("CheckpointLoaderSimple", {"ckpt_name": CKPT}),
    "2": (
        "LTXAVTextEncoderLoader",
        {"text_encoder": "comfy_gemma_3_12B_it.safetensors", "ckpt_name": CKPT, "device": "default"},
    ),
    "3": ("LTXVAudioVAELoader", {"ckpt_name": CKPT}),
    "4": (
        "LoraLoaderModelOnly",
        {
            "model": ["1", 0],
            "lora_name": "ltx-2.3-22b-distilled-lora-384-1.1.safetensors",
            "strength_model": 0.5,
        },
    ),
    "5": ("LoraLoaderModelOnly", {"model": ["4", 0], "lora_name": "MY.safetensors", "strength_model": 1.0}),
    "6": ("CLIPTextEncode", {"clip": ["2", 0], "text": "TRIGGER a cat walks"}),
    "7": (
        "CLIPTextEncode",
        {"clip": ["2", 0], "text": "pc game, console game, video game, cartoon, childish, ugly"},
    ),
    "8": ("LTXVConditioning", {"positive": ["6", 0], "negative": ["7", 0], "frame_rate": 24.0}),
    "9": ("EmptyLTXVLatentVideo", {"width": 960, "height": 544, "length": 121, "batch_size": 1}),
    "10": (
        "LTXVEmptyLatentAudio",
        {"frames_number": 121, "frame_rate": 24, "batch_size": 1, "audio_vae": ["3", 0]},
    ),
    "11": ("LTXVConcatAVLatent", {"video_latent": ["9", 0], "audio_latent": ["10", 0]}),
    "12": ("CFGGuider", {"model": ["5", 0], "positive": ["8", 0], "negative": ["8", 1], "cfg": 1.0}),
    "13": ("KSamplerSelect", {"sampler_name": "euler_ancestral_cfg_pp"}),
    "14": ("ManualSigmas", {"sigmas": "1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875, 0.0"}),
    "15": ("RandomNoise", {"noise_seed": 42}),
    "16": (
        "SamplerCustomAdvanced",
        {
            "noise": ["15", 0],
            "guider": ["12", 0],
            "sampler": ["13", 0],
            "sigmas": ["14", 0],
            "latent_image": ["11", 0],
        },
    ),
    "17": ("LTXVSeparateAVLatent", {"av_latent": ["16", 0]}),
    "18": (
        "VAEDecodeTiled",
        {
            "samples": ["17", 0],
            "vae": ["1", 2],
            "tile_size": 512,
            "overlap": 64,
            "temporal_size": 64,
            "temporal_overlap": 8,
        },
    ),
    "19": ("LTXVAudioVAEDecode", {"samples": ["17", 1], "audio_vae": ["3", 0]}),
    "20": ("CreateVideo", {"images": ["18", 0], "audio": ["19", 0], "fps": 24.0}),
    "21": ("SaveVideo", {"video": ["20", 0], "filename_prefix": "MY", "format": "auto", "codec": "auto"}),
}


@pytest.fixture
def fast():
    return build_workflow(PRESETS["fast"], REQUEST)


@pytest.fixture
def quality():
    return build_workflow(PRESETS["quality"], REQUEST)


def node(workflow, class_type):
    found = [node["inputs"] for node in workflow.values() if node["class_type"] == class_type]
    assert len(found) == 1
    return found[0]


def comfyui_scheduler(steps, max_shift, base_shift, stretch, terminal):
    """LTXVScheduler without a latent: its shift at 4096 tokens, then stretched to the terminal sigma."""
    assert stretch
    sigmas = torch.linspace(1, 0, steps + 1, dtype=torch.float64)
    slope = (max_shift - base_shift) / (4096 - 1024)
    shift = torch.tensor(4096 * slope + base_shift - slope * 1024, dtype=torch.float64).exp()
    sigmas[:-1] = shift / (shift + (1 / sigmas[:-1] - 1))
    clean = 1 - sigmas[:-1]
    sigmas[:-1] = 1 - clean / (clean[-1] / (1 - terminal))
    return sigmas


def test_fast_is_the_published_graph(fast):
    assert {number: (entry["class_type"], entry["inputs"]) for number, entry in fast.items()} == FAST


def test_fast_takes_its_numbers_from_the_preset():
    preset = replace(PRESETS["fast"], distilled_lora_strength=0.25, sampler="euler")
    workflow = build_workflow(preset, REQUEST)
    assert workflow["4"]["inputs"]["strength_model"] == 0.25
    assert node(workflow, "KSamplerSelect")["sampler_name"] == "euler"


def test_quality_takes_its_numbers_from_the_preset(quality):
    preset = PRESETS["quality"]
    guider = node(quality, "LTXVDualCFGGuider")
    assert (guider["video_cfg"], guider["audio_cfg"]) == (preset.video.cfg, preset.audio.cfg)
    assert node(quality, "LTXVSpatioTemporalGuidance")["scale"] == preset.video.stg
    assert node(quality, "LTXVModalityGuidance")["modality_scale"] == preset.video.modality
    assert node(quality, "KSamplerSelect")["sampler_name"] == preset.sampler


def test_quality_guides_with_the_reference_scales(quality):
    stg, modality = node(quality, "LTXVSpatioTemporalGuidance"), node(quality, "LTXVModalityGuidance")
    guider = node(quality, "LTXVDualCFGGuider")
    assert (stg["scale"], stg["blocks"], modality["modality_scale"]) == (1.0, "28", 3.0)
    assert (guider["video_cfg"], guider["audio_cfg"]) == (3.0, 7.0)


def test_quality_chains_lora_stg_modality_guider(quality):
    assert quality[node(quality, "LTXVDualCFGGuider")["model"][0]]["class_type"] == "LTXVModalityGuidance"
    assert quality[node(quality, "LTXVModalityGuidance")["model"][0]]["class_type"] == "LTXVSpatioTemporalGuidance"
    assert quality[node(quality, "LTXVSpatioTemporalGuidance")["model"][0]]["class_type"] == "LoraLoaderModelOnly"


def test_sigmas_of_the_quality_workflow_are_those_of_the_preview(quality):
    sigmas = comfyui_scheduler(**node(quality, "LTXVScheduler"))
    expected = torch.tensor(PRESETS["quality"].schedule(), dtype=torch.float64)
    torch.testing.assert_close(sigmas, expected, rtol=0, atol=1e-6)


def test_quality_has_no_distilled_lora(quality):
    assert node(quality, "LoraLoaderModelOnly") == {
        "model": ["1", 0],
        "lora_name": "MY.safetensors",
        "strength_model": 1.0,
    }


def test_fast_on_a_distilled_base_has_no_distilled_lora():
    request = replace(REQUEST, checkpoint="ltx-2.3-22b-distilled-1.1.safetensors")
    assert node(build_workflow(PRESETS["fast"], request), "LoraLoaderModelOnly")["model"] == ["1", 0]


def test_trigger_is_not_put_before_a_prompt_that_has_it():
    workflow = build_workflow(PRESETS["fast"], replace(REQUEST, prompt="the trigger walks"))
    assert workflow["6"]["inputs"]["text"] == "the trigger walks"


def test_size_frames_rate_seed_and_strength_are_filled_in():
    bucket = Bucket(width=256, height=320, frames=17)
    request = replace(REQUEST, bucket=bucket, fps=25.0, seed=7, strength=0.8, stg_blocks=(3, 4))
    workflow = build_workflow(PRESETS["quality"], request)
    assert workflow["9"]["inputs"] == {"width": 256, "height": 320, "length": 17, "batch_size": 1}
    assert (workflow["10"]["inputs"]["frames_number"], workflow["10"]["inputs"]["frame_rate"]) == (17, 25)
    assert (workflow["8"]["inputs"]["frame_rate"], workflow["20"]["inputs"]["fps"]) == (25.0, 25.0)
    assert (workflow["15"]["inputs"]["noise_seed"], workflow["5"]["inputs"]["strength_model"]) == (7, 0.8)
    assert workflow["22"]["inputs"]["blocks"] == "3, 4"


def test_whole_frame_rate_of_the_audio_latent_is_an_integer(quality):
    assert json.dumps(quality["10"]["inputs"]["frame_rate"]) == "24"


def test_reference_preset_cannot_be_a_workflow():
    with pytest.raises(ValueError, match="the preset reference rescales"):
        build_workflow(PRESETS["reference"], REQUEST)


@pytest.mark.parametrize("name", ["fast", "quality"])
def test_workflows_are_valid(name):
    validate_workflow(build_workflow(PRESETS[name], REQUEST))


@pytest.mark.parametrize(
    ("number", "change", "message"),
    [
        ("5", {"model": ["40", 0]}, r"node 5 \(LoraLoaderModelOnly\).model links to node 40, which does not exist"),
        ("18", {"vae": ["1", 3]}, "links to output 3 of node 1, which has 3"),
        ("18", {"vae": ["1", 1]}, "needs VAE, but node 1 gives CLIP"),
        ("12", {"model": "x"}, "needs a link to MODEL"),
        ("9", {"width": 960.5}, "width is 960.5, which is no INT"),
        ("9", {"widht": 960}, "has no input widht"),
    ],
)
def test_wrong_input_is_named(fast, number, change, message):
    fast[number]["inputs"].update(change)
    with pytest.raises(ValueError, match=message):
        validate_workflow(fast)


def test_missing_input_is_named(fast):
    del fast["15"]["inputs"]["noise_seed"]
    with pytest.raises(ValueError, match=r"node 15 \(RandomNoise\) lacks input noise_seed"):
        validate_workflow(fast)


def test_unknown_node_class_is_named(fast):
    fast["13"]["class_type"] = "ClownSampler"
    with pytest.raises(ValueError, match="node 13: 'ClownSampler' is not a known class"):
        validate_workflow(fast)
