"""The published LTX-2.3 file as one object: what it is, what is in it, and each component loaded on demand.

Opening reads the header alone (about a megabyte of a 46 GB file). Each `load_*` reads its own tensors, straight
onto the device asked for.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch.distributed.device_mesh import DeviceMesh

from ltx_module.checkpoint.audio_vae import MEL_STRIDE, AudioVAE, load_audio_vae
from ltx_module.checkpoint.file import SafetensorsFile
from ltx_module.checkpoint.fp8 import has_fp8
from ltx_module.checkpoint.guard import (
    check_base_model,
    check_location,
    check_trainable,
    has_text_projection,
    missing_component,
    version_numbers,
)
from ltx_module.checkpoint.key_maps import COMPONENTS, Component, component_names, component_sources
from ltx_module.checkpoint.log_mel import MelConfig
from ltx_module.checkpoint.text import TextConnectors, load_text_connectors, projection_inputs
from ltx_module.checkpoint.transformer import build_on_meta, load_transformer
from ltx_module.checkpoint.video_vae import VideoVAE, load_video_vae
from ltx_module.checkpoint.vocoder import Vocoder, load_vocoder
from ltx_module.model import LTXConfig, LTXTransformer, Streams
from ltx_module.precision.execution import QuantisedFormat

_CONFIG_SECTION: dict[Component, str] = {
    "transformer": "transformer",
    "text_connectors": "transformer",
    "video_vae": "vae",
    "audio_vae": "audio_vae",
    "vocoder": "vocoder",
}


class Checkpoint:
    """An LTX-2.3 base model in the published single-file layout.

    Args:
        path: The file, such as `models/ltx-2.3-22b-dev.safetensors`.

    Attributes:
        path: The file.
        config: The parsed `config` of the metadata, with the sections transformer, vae, audio_vae and vocoder.

    Raises:
        CheckpointError: If it is anything else than a complete LTX-2.3 file on this machine.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = check_location(path)
        self._file = SafetensorsFile(self.path)
        self.config: dict[str, Any] = check_base_model(self._file)
        self._fingerprints: dict[Component, str] = {}

    @property
    def version(self) -> str:
        """As the file states it, such as "2.3.0"; "2.3" when it states none."""
        stated = self._file.metadata.get("model_version", "")
        return stated if version_numbers(stated) else "2.3"

    @property
    def fp8(self) -> bool:
        """Whether weights are stored in 8-bit floating point."""
        return has_fp8(self._file)

    @property
    def distilled(self) -> bool:
        """Whether the file name says that this is the distilled model."""
        return "distilled" in self.path.name.lower()

    @property
    def latent_channels(self) -> int:
        """Channels of a video latent: 128 in the 22B file."""
        return int(self.config["transformer"]["in_channels"])

    @property
    def audio_latent(self) -> tuple[int, int]:
        """Channels and mel bins of an audio latent: (8, 16) in the 22B file."""
        mel = MelConfig.from_metadata(self.config["audio_vae"].get("preprocessing", {}))
        channels = self.config["audio_vae"]["model"]["params"]["ddconfig"]["z_channels"]
        return int(channels), mel.bands // MEL_STRIDE

    @property
    def context_widths(self) -> tuple[int, int]:
        """Widths of the video and audio text contexts: (4096, 2048) in the 22B file."""
        transformer = self.config["transformer"]
        return int(transformer["cross_attention_dim"]), int(transformer["audio_cross_attention_dim"])

    @property
    def text_states(self) -> tuple[int, int] | None:
        """Number and width of the Gemma states its projection takes: (49, 3840). None without a projection."""
        return projection_inputs(self._file, self.config["transformer"]) if self.holds("text_connectors") else None

    def holds(self, component: Component) -> bool:
        """Whether the file has a component; the published fp8 file may have the transformer alone."""
        if component == "text_connectors" and not has_text_projection(self._file):
            return False
        return bool(component_names(component, self._file.tensors))

    @property
    def num_blocks(self) -> int:
        """Transformer blocks."""
        return LTXConfig.from_metadata(self.config["transformer"]).num_layers

    def num_parameters(self, streams: Streams = "av") -> int:
        """Parameters of the transformer with the given streams, without reading weights."""
        return sum(parameter.numel() for parameter in self._on_meta(streams).parameters())

    def num_bytes(self, component: Component) -> int:
        """Bytes a component takes in the file."""
        names = component_names(component, self._file.tensors)
        return sum(self._file.tensors[name].end - self._file.tensors[name].start for name in names)

    def fingerprint(self, component: Component) -> str:
        """A hash that changes with a component's config, tensor names, shapes, dtypes or sampled bytes.

        Raises:
            CheckpointError: If the file does not hold the component.
        """
        if component not in self._fingerprints:
            self._require(component)
            names = component_sources(component, self._file.tensors).values()
            section = json.dumps(self.config[_CONFIG_SECTION[component]], sort_keys=True)
            digest = hashlib.sha256(f"{section}|{self._file.digest(names)}".encode())
            self._fingerprints[component] = digest.hexdigest()
        return self._fingerprints[component]

    def require_trainable(self, allow_distilled: bool = False) -> None:
        """Raises CheckpointError if this is a poor base for training: the distilled model, unless allowed."""
        check_trainable(self.path, distilled=self.distilled, allow_distilled=allow_distilled)

    def load_transformer(
        self,
        streams: Streams = "av",
        dtype: torch.dtype = torch.bfloat16,
        device: torch.device | str = "cpu",
        *,
        quantised: QuantisedFormat | None = None,
        swap_blocks: int = 0,
        mesh: DeviceMesh | None = None,
    ) -> LTXTransformer:
        """Loads the transformer; fp8 weights are multiplied by their scales in fp32 and rounded to `dtype`.

        Args:
            streams: Which streams to build; tensors of the other are not read.
            dtype: Of the weights.
            device: Where to; nothing passes through host memory but the page cache.
            quantised: Number format of the blocks' large linear layers in place of `dtype`. Each weight is quantised as
                it comes, on the device, so the model is never there in another format; the fp8 file's own codes and
                scales stay as they are in fp8.
            swap_blocks: Blocks whose weights stay in host memory; see `ltx_module.precision.block_swap`.
            mesh: Ranks to cut the blocks over, each as soon as it is read; None leaves them whole.

        Returns:
            The frozen module in evaluation mode.
        """
        return load_transformer(
            self._file,
            self.config["transformer"],
            streams,
            dtype,
            device,
            quantised=quantised,
            swap_blocks=swap_blocks,
            mesh=mesh,
        )

    def load_text_connectors(
        self, dtype: torch.dtype = torch.bfloat16, device: torch.device | str = "cpu"
    ) -> TextConnectors:
        """Loads text projection and connectors: `connectors(hidden_states, attention_mask)` gives both contexts."""
        self._require("text_connectors")
        return load_text_connectors(self._file, self.config["transformer"], dtype, device)

    def load_video_vae(self, dtype: torch.dtype = torch.bfloat16, device: torch.device | str = "cpu") -> VideoVAE:
        """Loads the video autoencoder."""
        self._require("video_vae")
        return load_video_vae(self._file, self.config["vae"], dtype, device)

    def load_audio_vae(self, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> AudioVAE:
        """Loads the audio autoencoder, which the reference runs in fp32."""
        self._require("audio_vae")
        return load_audio_vae(self._file, self.config["audio_vae"], dtype, device)

    def load_vocoder(self, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> Vocoder:
        """Loads the vocoder, in fp32 only.

        Raises:
            ValueError: If another dtype is asked for.
        """
        if dtype != torch.float32:
            raise ValueError(f"The vocoder cannot be loaded in {dtype}: its sound suffers, so use torch.float32.")
        self._require("vocoder")
        return load_vocoder(self._file, self.config["vocoder"], device)

    def _require(self, component: Component) -> None:
        if component not in COMPONENTS:
            raise ValueError(f"`{component}` is no component of a checkpoint: use one of {', '.join(COMPONENTS)}.")
        if not self.holds(component):
            raise missing_component(self.path, component, fp8=self.fp8)

    def _on_meta(self, streams: Streams) -> LTXTransformer:
        return build_on_meta(self._file, self.config["transformer"], streams)
