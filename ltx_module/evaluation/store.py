"""The evaluation's folder: videos to look at, and what scoring needs of them until the evaluation is done.

Ranks hand each other their samples through it, and an evaluation that was interrupted goes on where it stopped: a
sample is taken from the folder if the same LoRA, base model, prompt, seed and settings made it.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from datamodules.atomic import read_json, write_json
from datamodules.given import Given
from datamodules.manifest.scan import file_hash
from ltx_module.evaluation.observation import Observation, reduce_frames
from ltx_module.sample_config import SampleRequest, VideoSample
from ltx_module.sample_files import write_sample

if TYPE_CHECKING:
    from ltx_module.evaluation.candidates import Candidate
    from ltx_module.evaluation.plan import SampleJob

_SAMPLES = "samples"
_PENDING = ".pending"


@dataclass(frozen=True)
class EvaluationStore:
    """Paths and files below the evaluation's folder."""

    directory: Path

    @property
    def result(self) -> Path:
        """Where the numbers go."""
        return self.directory / "evaluation.json"

    def video(self, job: "SampleJob") -> str:
        """A sample's video, relative to the folder."""
        return f"{_SAMPLES}/{job.name}.mp4"

    def holds(self, job: "SampleJob", key: str) -> bool:
        """Whether the sample is there, made with this key."""
        return read_json(self._pending(job, ".json")) == {"key": key} and self._pending(job, ".safetensors").is_file()

    def write(self, job: "SampleJob", sample: VideoSample, key: str, facts: Mapping[str, object]) -> None:
        """Keep a sample: the video with its json, and the observation for scoring.

        Args:
            job: Which one it is.
            sample: What was generated.
            key: Of everything that made it; see `sample_key`.
            facts: The LoRA, for the json beside the video.
        """
        assert sample.video_latents is not None
        assert sample.frames is not None
        write_sample(self.directory / _SAMPLES, _named(sample, job.name), {**facts, "group": job.group})
        observation = Observation(
            latents=sample.video_latents,
            frames=reduce_frames(sample.frames),
            audio_latents=sample.audio_latents,
            waveform=sample.waveform,
        )
        observation.save(self._pending(job, ".safetensors"))
        write_json(self._pending(job, ".json"), {"key": key})

    def observation(self, job: "SampleJob") -> Observation:
        """What scoring needs of a sample."""
        return Observation.load(self._pending(job, ".safetensors"))

    def write_profile(self, name: str, content: Mapping[str, Any]) -> None:
        """Keep a candidate's profile for the rank that scores."""
        write_json(self.directory / _PENDING / f"profile-{name}.json", content)

    def read_profile(self, name: str) -> dict[str, Any]:
        """A candidate's profile."""
        content = read_json(self.directory / _PENDING / f"profile-{name}.json")
        assert isinstance(content, dict)
        return content

    def clear(self) -> None:
        """Remove what only an unfinished evaluation needs."""
        shutil.rmtree(self.directory / _PENDING, ignore_errors=True)

    def _pending(self, job: "SampleJob", suffix: str) -> Path:
        path = self.directory / _PENDING / job.name
        return path.with_name(path.name + suffix)


@dataclass(frozen=True, kw_only=True)
class SampleKey:
    """Everything that decides a sample but its request: what is hashed into its key."""

    base: str
    """Fingerprints of transformer, decoders and sampler settings."""
    candidate: "Candidate | None"
    """None for the base."""

    @cached_property
    def lora(self) -> str:
        """Content and strength of the LoRA file."""
        if self.candidate is None:
            return "none"
        return f"{file_hash(self.candidate.file.path)}@{self.candidate.file.strength:g}"

    def of(self, request: SampleRequest, contexts: tuple[Tensor, ...], given: Given | None = None) -> str:
        """Key of one sample.

        Args:
            request: What is generated.
            contexts: Text contexts of prompt and negative prompt.
            given: Latents that the sample is made from.
        """
        parts = {**asdict(replace(request, name="")), "base": self.base, "lora": self.lora}
        parts["given"] = [] if given is None else sorted(given.names)
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode())
        for tensor in (*contexts, *(() if given is None else given.tensors)):
            digest.update(tensor.float().contiguous().numpy().tobytes())
        return digest.hexdigest()


def _named(sample: VideoSample, name: str) -> VideoSample:
    return replace(sample, request=replace(sample.request, name=name))
