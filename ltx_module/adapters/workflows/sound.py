"""The audio latents: empty, in part given, or given whole; and the reference sound."""

from typing import Any

from ltx_module.adapters.workflows.graph import Draft, Link
from ltx_module.adapters.workflows.guidance import WHOLE_RANGE
from ltx_module.adapters.workflows.loaders import AUDIO_VAE
from ltx_module.adapters.workflows.masks import keep, mask_by_step, mask_of_all
from ltx_module.diffusion.conditioning import Conditioning, Mask, Prefix, Reference, Suffix

_LATENTS_PER_SECOND = 25
_FIRST_LATENT_SECONDS = 0.01  # the causal VAE's first latent stands for one frame of the spectrogram, others for four
_EMPTY_AUDIO_RATE = 48_000


def add_sound(draft: Draft) -> None:
    """Set `draft.audio` to the latents that the conditions make."""
    if draft.request.frozen == "audio":
        _whole(draft)
    elif mask := draft.request.find(Mask, "audio"):
        _inpainted(draft, mask)
    elif draft.request.find(Prefix, "audio") or draft.request.find(Suffix, "audio"):
        _extended(draft)
    else:
        draft.audio = _empty(draft)


def add_sound_reference(draft: Draft) -> None:
    """Show a reference sound, which then ends one latent before the beginning, as `placement: before` has it."""
    reference = draft.request.find(Reference, "audio")
    if reference is None:
        return
    source, name = _source(draft, reference, "reference_audio", "Reference sound")
    sound = _trimmed(draft, source, 0.0, draft.request.seconds)
    shown = draft.add(
        "LTXVReferenceAudio",
        model=draft.model,
        positive=draft.positive,
        negative=draft.negative,
        reference_audio=sound,
        audio_vae=AUDIO_VAE,
        identity_guidance_scale=0.0,
        **WHOLE_RANGE,
    )
    draft.model, draft.positive, draft.negative = shown[0], shown[1], shown[2]
    draft.notes.append(
        f"{name}: about as long as what is generated. If it is followed too "
        "little, raise `identity_guidance_scale` (0 here, as in the previews)."
    )


def _whole(draft: Draft) -> None:
    request = draft.request
    loaded = draft.add("LoadAudio", title="Sound to set to pictures", audio=draft.file("audio", "audio.wav"))[0]
    sound = _trimmed(draft, loaded, 0.0, request.seconds)
    latents = _cut(draft, _encoded(draft, sound), 0, request.audio_shape[1])
    draft.audio, draft.sound = keep(draft, latents, mask_of_all(draft)), sound
    draft.notes.append(f"`Sound to set to pictures`: its first {request.seconds:.2f} s are kept as they are.")


def _inpainted(draft: Draft, condition: Mask) -> None:
    _, length, mel_bins = draft.request.audio_shape
    source, name = _source(draft, condition, "audio", "Sound to repair")
    sound = _trimmed(draft, source, 0.0, draft.request.seconds)
    latents = _cut(draft, _encoded(draft, sound), 0, length)
    stretch = max(1, length // 3)
    mask = mask_by_step(draft, length, mel_bins, [(stretch, stretch)], given=False)
    draft.audio = keep(draft, latents, mask)
    draft.notes.append(
        f"{name}: the stretch begins at `y` of `Stretch to make anew` and is as long as `height` of `Length of the "
        f"stretch`, both in 1/25 s; here {stretch / _LATENTS_PER_SECOND:.2f} s from "
        f"{stretch / _LATENTS_PER_SECOND:.2f} s on."
    )


def _extended(draft: Draft) -> None:
    """A given beginning, a given end, and empty latents between."""
    shape, fps = draft.request.audio_shape, draft.request.fps
    _, length, mel_bins = shape
    prefix, suffix = draft.request.find(Prefix, "audio"), draft.request.find(Suffix, "audio")
    begin = 0 if prefix is None else prefix.length(shape, fps)
    end = 0 if suffix is None else suffix.length(shape, fps)
    latents = _cut(draft, _empty(draft), 0, length - begin - end)
    if prefix is not None:
        seconds = begin / _LATENTS_PER_SECOND
        source, name = _source(draft, prefix, "audio", "Sound to continue")
        given = _trimmed(draft, source, -seconds, seconds)
        latents = _joined(draft, _cut(draft, _encoded(draft, given), 0, begin), latents)
        draft.notes.append(f"{name}: its last {seconds:.2f} s are taken over, and what follows is made.")
    if suffix is not None:
        seconds = end / _LATENTS_PER_SECOND
        source, name = _source(draft, suffix, "audio", "Sound to lead up to")
        given = _trimmed(draft, source, 0.0, seconds)
        silence = draft.add("EmptyAudio", duration=_FIRST_LATENT_SECONDS, sample_rate=_EMPTY_AUDIO_RATE, channels=2)[0]
        given = draft.add("AudioConcat", audio1=given, audio2=silence, direction="before")[0]
        latents = _joined(draft, latents, _cut(draft, _encoded(draft, given), 1, end))
        draft.notes.append(f"{name}: its first {seconds:.2f} s are taken over; what comes before is made.")
    parts = [(0, begin)] * bool(begin) + [(length - end, end)] * bool(end)
    draft.audio = keep(draft, latents, mask_by_step(draft, length, mel_bins, parts, given=True))


def _empty(draft: Draft) -> Link:
    request = draft.request
    frames: int = request.bucket.frames
    rate: Any = draft.fps
    if request.bucket.is_sound:
        frames, rate = request.audio_shape[1], _LATENTS_PER_SECOND
    elif isinstance(rate, float) and rate == int(rate):
        rate = int(rate)  # older builds take whole numbers alone here
    return draft.add(
        "LTXVEmptyLatentAudio", at="10", frames_number=frames, frame_rate=rate, batch_size=1, audio_vae=AUDIO_VAE
    )[0]


def _source(draft: Draft, condition: Conditioning, key: str, title: str) -> tuple[Link, str]:
    """The sound of the video that the same kind of condition takes, else a file of its own; and its name in notes."""
    if condition.name in draft.tracks and key not in draft.request.media:
        sound, loader = draft.tracks[condition.name]
        return sound, f"The sound of `{loader}`"
    return draft.add("LoadAudio", title=title, audio=draft.file(key, f"{key}.wav"))[0], f"`{title}`"


def _trimmed(draft: Draft, sound: Link, start: float, seconds: float) -> Link:
    return draft.add("TrimAudioDuration", audio=sound, start_index=start, duration=round(seconds, 4))[0]


def _encoded(draft: Draft, sound: Link) -> Link:
    return draft.add("LTXVAudioVAEEncode", audio=sound, audio_vae=AUDIO_VAE)[0]


def _cut(draft: Draft, latents: Link, first: int, amount: int) -> Link:
    """Some audio latents; their time is the axis that ComfyUI calls y."""
    return draft.add("LatentCut", samples=latents, dim="y", index=first, amount=amount)[0]


def _joined(draft: Draft, first: Link, second: Link) -> Link:
    return draft.add("LatentConcat", samples1=first, samples2=second, dim="y")[0]
