"""What only a GPU can show: the same numbers as the CPU, no waiting in a step, a whole run in bf16."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from callbacks import AdapterHealth, LossBySigma
from ltx_module.adapters import AdapterAverage, LoRAConfig, inject_lora
from ltx_module.checkpoint import Checkpoint
from ltx_module.diffusion.conditioning import FirstFrame, Keyframes, Mask, Reference, SpatialCrop, Suffix
from ltx_module.diffusion.sigmas import ShiftedLogitNormal
from ltx_module.model import Modality
from ltx_module.training import Conditions, TrainingObjective

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def golden() -> dict[str, torch.Tensor]:
    return load_file(GOLDEN / "golden.safetensors")


def modality(golden: dict[str, torch.Tensor], case: str, name: str) -> Modality:
    keys = ("latent", "sigma", "timesteps", "positions", "context")
    return Modality(**{key: golden[f"transformer.{case}.{name}_{key}"].cuda() for key in keys})


@pytest.mark.parametrize("case", ["independent_sigma", "first_frame_audio_prefix", "ic_reference_half_resolution"])
def test_the_transformer_gives_the_golden_numbers_in_fp32(golden, case):
    transformer = Checkpoint(GOLDEN / "tiny-ltx-2.3.safetensors").load_transformer("av", torch.float32, "cuda")
    with torch.no_grad():
        video, audio = transformer(modality(golden, case, "video"), modality(golden, case, "audio"))
    for name, velocity in (("video", video), ("audio", audio)):
        expected = golden[f"transformer.{case}.{name}_velocity"]
        assert (velocity.cpu() - expected).abs().max() < 5e-5  # 2.3e-5 seen: a GPU sums in another order than the CPU


def test_the_fp8_file_loads_onto_the_gpu(golden):
    transformer = Checkpoint(GOLDEN / "tiny-ltx-2.3-fp8.safetensors").load_transformer("av", torch.float32, "cuda")
    case = "fp8_shared_sigma"
    with torch.no_grad():
        video, _ = transformer(modality(golden, case, "video"), modality(golden, case, "audio"))
    assert (video.cpu() - golden[f"transformer.{case}.video_velocity"]).abs().max() < 2e-5


def test_vaes_and_vocoder_give_the_golden_numbers(golden):
    checkpoint = Checkpoint(GOLDEN / "tiny-ltx-2.3.safetensors")
    torch.backends.cudnn.allow_tf32 = False
    vae = checkpoint.load_video_vae(torch.float32, "cuda")
    assert (vae.encode(golden["video_vae.pixels"].cuda()).cpu() - golden["video_vae.latent"]).abs().max() < 1e-4
    audio = checkpoint.load_audio_vae(device="cuda")
    assert (audio.encode(golden["audio.waveform_16k"].cuda()).cpu() - golden["audio.latent"]).abs().max() < 5e-4
    vocoder = checkpoint.load_vocoder(device="cuda")
    assert (vocoder(golden["vocoder.mel"].cuda()).cpu() - golden["vocoder.waveform_48k"]).abs().max() < 1e-4


CONDITIONS = {
    "text": Conditions(),
    "pictures": Conditions((FirstFrame(0.5), SpatialCrop(0.5), Suffix(0.5, latent_frames=1), Mask(0.5))),
    "beside": Conditions((Reference(), Keyframes(frames=[-1]), Reference(modality="audio"))),
    "video_to_audio": Conditions((), "video"),
}


@pytest.mark.parametrize("conditions", CONDITIONS.values(), ids=CONDITIONS)
def test_a_training_step_never_waits_for_the_gpu(conditions, pico):
    from datamodules.batch import LatentBatch
    from datamodules.geometry import AudioLatentSpec, Bucket, LatentSpec
    from datamodules.given import Given

    checkpoint = Checkpoint(pico / "ltx-2.3-pico.safetensors")
    transformer = checkpoint.load_transformer("av", torch.bfloat16, "cuda")
    inject_lora(transformer, LoRAConfig(rank=4, alpha=4), seed=0)
    bucket = Bucket(width=128, height=128, frames=17)
    channels, mel_bins = checkpoint.audio_latent
    widths = checkpoint.context_widths
    video = torch.randn(2, *LatentSpec(channels=checkpoint.latent_channels).shape(bucket))
    audio = torch.randn(2, *AudioLatentSpec(channels=channels, mel_bins=mel_bins).shape(17 / 24))
    batch = LatentBatch(
        video=video,
        audio=audio,
        video_context=torch.randn(2, 256, widths[0]),
        audio_context=torch.randn(2, 256, widths[1]),
        fps=24.0,
        bucket=bucket,
        names=("x", "y"),
        given=Given(
            video_reference=video[..., ::2, ::2],
            audio_reference=audio,
            video_mask=torch.rand(2, *video.shape[2:]) < 0.5,
            keyframes={-1: video[:, :, :1]},
        ),
    ).to("cuda")
    objective = TrainingObjective(sigma_sampler=ShiftedLogitNormal(), conditions=conditions)
    generator = torch.Generator("cuda").manual_seed(0)

    trainer = SimpleNamespace(global_step=1, accumulate_grad_batches=1)
    module = SimpleNamespace(transformer=transformer, device=torch.device("cuda"), step_loss=None)
    health, by_sigma, average = AdapterHealth(), LossBySigma(), AdapterAverage(transformer, decay=0.999)
    health.on_train_start(trainer, module)

    def step(drawn) -> None:
        with torch.autocast("cuda", torch.bfloat16):
            module.step_loss = objective.loss(transformer, batch, generator, drawn)
            objective.total(module.step_loss).backward()
        health.on_before_optimizer_step(trainer, module, None)
        average.update()
        for callback in (health, by_sigma):
            callback.on_train_batch_end(trainer, module, {}, batch, 0)

    step(conditions.fixed())  # fills the RoPE cache, and places the sums
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        step(conditions.draw(batch, torch.Generator().manual_seed(1)))
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_run_in_bf16_trains_samples_saves_and_exports(cli):
    periods = [
        {"class_path": f"callbacks.{name}", "init_args": {"every_n_steps": 4}}
        for name in ("SaveLoRA", "SaveResumeState", "SampleVideos")
    ]
    callbacks = json.dumps(
        [*periods, {"class_path": "callbacks.ExportComfyUI"}, {"class_path": "callbacks.DropCaptions"}]
    )
    gpu = ("--trainer.accelerator=gpu", "--trainer.devices=1", "--trainer.precision=bf16-mixed", "--model.dtype=bf16")
    here = cli(
        "fit",
        "audio_video",
        *gpu,
        "--trainer.max_steps=4",
        "--data.text_encoder_precision=bf16",
        f"--trainer.callbacks={callbacks}",
    )
    run = here / "runs" / "audio_video-1"
    assert json.loads((run / "status.json").read_text())["state"] == "finished"
    assert len(list((run / "samples" / "step_000004").glob("*.mp4"))) == 1
    assert len(list((run / "export").glob("*.safetensors"))) == 1
    cli(
        "fit",
        "audio_video",
        *gpu,
        "--trainer.max_steps=6",
        "--run=audio_video-1",
        "--ckpt_path=last",
        f"--trainer.callbacks={callbacks}",
    )
    assert (run / "lora" / "step_000006.safetensors").is_file()
