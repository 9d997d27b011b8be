"""What ComfyUI's nodes do to shapes, masks and times, so that a workflow's latents can be looked at before its sampler.

Stand-ins: a VAE latent holds the value of the last pixel frame it stands for; sound is a value for each 10 ms.
"""

# ruff: noqa: N802 - methods are named after the nodes that they stand for
import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


@dataclass
class Latent:
    """Latents and their noise mask."""

    samples: Tensor
    noise_mask: Tensor | None = None


@dataclass
class Guides:
    """Conditioning: which guides lie behind the latents."""

    guides: list[tuple[int, tuple[int, ...], Tensor | None]] = field(default_factory=list)
    """First frame, latent shape, attention mask."""


class ComfyUI:
    """Runs the nodes of a workflow as far as they are asked for.

    Args:
        workflow: API format.
        files: What loaders give, by file name: frames `(F, H, W, 3)`, or a value for each 10 ms of sound.
    """

    def __init__(self, workflow: dict[str, Any], files: dict[str, Tensor]) -> None:
        self.workflow, self.files = workflow, files
        self.done: dict[str, tuple[Any, ...]] = {}

    def output(self, link: list[Any]) -> Any:
        """What a link carries."""
        number, output = link
        if number not in self.done:
            node = self.workflow[number]
            inputs = {name: self._value(value) for name, value in node["inputs"].items()}
            self.done[number] = getattr(self, f"_{node['class_type']}")(**inputs)
        return self.done[number][output]

    def sampled(self) -> tuple[Latent, Latent]:
        """Video and audio latents as the sampler takes them, masks stretched to their size."""
        node = next(node for node in self.workflow.values() if node["class_type"] == "LTXVConcatAVLatent")
        video, audio = (self.output(node["inputs"][name]) for name in ("video_latent", "audio_latent"))
        return Latent(video.samples, _stretched(video)), Latent(audio.samples, _stretched(audio))

    def guides(self) -> list[tuple[int, tuple[int, ...], Tensor | None]]:
        """Guides that the guider is told of."""
        node = next(node for node in self.workflow.values() if node["class_type"].endswith("CFGGuider"))
        return self.output(node["inputs"]["positive"]).guides

    def _value(self, value: Any) -> Any:
        return self.output(value) if isinstance(value, list) else value

    def _CheckpointLoaderSimple(self, ckpt_name):
        return "model", "clip", "vae"

    def _LTXAVTextEncoderLoader(self, **_):
        return ("clip",)

    def _LTXVAudioVAELoader(self, **_):
        return ("audio vae",)

    def _LoraLoaderModelOnly(self, **_):
        return ("model",)

    def _CLIPTextEncode(self, **_):
        return (Guides(),)

    def _LTXVConditioning(self, positive, negative, frame_rate):
        return positive, negative

    def _LTXVReferenceAudio(self, model, positive, negative, **_):
        return model, positive, negative

    def _GetICLoRAParameters(self, **_):
        return ("parameters",)

    def _LoadImage(self, image):
        return self.files[image], None

    def _LoadVideo(self, file):
        return (self.files[file],)

    def _LoadAudio(self, audio):
        return (self.files[audio],)

    def _GetVideoComponents(self, video):
        return video, torch.ones(10), 30.0

    def _ImageFromBatch(self, image, batch_index, length):
        return (image[batch_index:][:length],)

    def _ImageScale(self, image, upscale_method, width, height, crop):
        mode = "area" if upscale_method == "area" else "nearest-exact"
        return (functional.interpolate(image.movedim(-1, 1), (height, width), mode=mode).movedim(1, -1),)

    def _ImageBatch(self, image1, image2):
        return (torch.cat([image1, image2]),)

    def _RepeatImageBatch(self, image, amount):
        return (image.repeat(amount, 1, 1, 1),)

    def _ImagePadForOutpaint(self, image, left, top, right, bottom, feathering):
        return functional.pad(image, (0, 0, left, right, top, bottom), value=0.5), None

    def _LTXVPreprocess(self, image, img_compression):
        return (image,)

    def _SolidMask(self, value, width, height):
        return (torch.full((1, height, width), value),)

    def _MaskToImage(self, mask):
        return (mask[..., None].expand(-1, -1, -1, 3),)

    def _ImageToMask(self, image, channel):
        return (image[..., ("red", "green", "blue").index(channel)],)

    def _ThresholdMask(self, mask, value):
        return ((mask > value).float(),)

    def _MaskComposite(self, destination, source, x, y, operation):
        height, width = source.shape[1:]
        result = destination.clone()
        part = result[:, y : y + height, x : x + width]
        assert part.shape[1:] == source.shape[1:], "the source reaches beyond the destination"
        result[:, y : y + height, x : x + width] = part * source if operation == "multiply" else part + source
        return (result.clamp(0, 1),)

    def _LTXVPreprocessMasks(self, masks, ignore_first_mask, pooling_method, clamp_min, **_):
        assert (ignore_first_mask, pooling_method, clamp_min) == (False, "max", 0.0)
        groups = masks[1:].reshape(-1, 8, *masks.shape[1:]).amax(dim=1)
        return (torch.cat([masks[:1], groups]),)

    def _EmptyLTXVLatentVideo(self, width, height, length, batch_size):
        return (Latent(torch.zeros(1, 1, (length - 1) // 8 + 1, height // 32, width // 32)),)

    def _LTXVAudioOnlyEmptyVideoLatent(self):
        return (Latent(torch.zeros(1, 1, 1, 2, 2)),)

    def _LTXVAudioOnlyModel(self, model):
        return (model,)

    def _LTXVEmptyLatentAudio(self, frames_number, frame_rate, **_):
        return (Latent(torch.zeros(1, 1, round(frames_number / frame_rate * 25), 16)),)

    def _VAEEncode(self, pixels, vae):
        assert vae == "vae"
        frames, height, width, _ = pixels.shape
        assert (frames % 8, height % 32, width % 32) == (1, 0, 0), "the VAE would crop"
        last = pixels[::8, ..., 0]
        return (Latent(functional.avg_pool2d(last, 32)[None, None]),)

    def _LTXVAudioVAEEncode(self, audio, audio_vae):
        assert audio_vae == "audio vae"
        length = math.ceil((len(audio) + 1) / 4)
        times = (4 * torch.arange(length) - 3).clamp(min=0, max=len(audio) - 1)
        return (Latent(audio[times][None, None, :, None].expand(-1, -1, -1, 16)),)

    def _TrimAudioDuration(self, audio, start_index, duration):
        return (audio[round(100 * start_index) :][: round(100 * duration)],)

    def _EmptyAudio(self, duration, **_):
        return (torch.zeros(round(100 * duration)),)

    def _AudioConcat(self, audio1, audio2, direction):
        return (torch.cat([audio2, audio1] if direction == "before" else [audio1, audio2]),)

    def _LatentCut(self, samples, dim, index, amount):
        return (Latent(samples.samples.narrow({"t": -3, "y": -2}[dim], index, amount)),)

    def _LatentConcat(self, samples1, samples2, dim):
        return (Latent(torch.cat([samples1.samples, samples2.samples], dim={"t": -3, "y": -2}[dim])),)

    def _ReplaceVideoLatentFrames(self, destination, source, index):
        result = destination.samples.clone()
        result[:, :, index : index + source.samples.shape[2]] = source.samples
        return (Latent(result),)

    def _SetLatentNoiseMask(self, samples, mask):
        return (Latent(samples.samples, mask[:, None]),)

    def _LTXVImgToVideoInplace(self, vae, image, latent, strength, bypass):
        assert not bypass
        encoded = self._VAEEncode(image, vae)[0].samples
        result, mask = latent.samples.clone(), _mask_by_frame(latent)
        result[:, :, : encoded.shape[2]] = encoded
        mask[:, :, : encoded.shape[2]] = 1 - strength
        return (Latent(result, mask),)

    def _LTXVAddGuide(
        self, positive, negative, vae, latent, image, frame_idx, strength, attention_mask=None, iclora_parameters=None
    ):
        encoded = self._VAEEncode(image, vae)[0].samples
        mask = _mask_by_frame(latent)
        assert mask.ndim == 5, "guides need a noise mask by frame"
        guide = (frame_idx, tuple(encoded.shape[2:]), attention_mask)
        told = Guides([*positive.guides, guide])
        behind = torch.zeros(1, 1, encoded.shape[2], *latent.samples.shape[3:])
        latents = Latent(
            torch.cat([latent.samples, behind], dim=2),
            torch.cat([mask, torch.full((1, 1, encoded.shape[2], 1, 1), 1 - strength)], dim=2),
        )
        return told, Guides([*negative.guides, guide]), latents


def _mask_by_frame(latent: Latent) -> Tensor:
    if latent.noise_mask is not None:
        return latent.noise_mask.clone()
    return torch.ones(1, 1, latent.samples.shape[2], 1, 1)


def _stretched(latent: Latent) -> Tensor:
    """The noise mask at the size of the latents, as the sampler makes it."""
    shape = latent.samples.shape
    if latent.noise_mask is None:
        return torch.ones(shape)
    if len(shape) == 4:
        return functional.interpolate(latent.noise_mask, shape[2:], mode="bilinear")
    mask = latent.noise_mask if latent.noise_mask.ndim == 5 else latent.noise_mask.movedim(0, 1)[None]
    return functional.interpolate(mask, shape[2:], mode="trilinear")
