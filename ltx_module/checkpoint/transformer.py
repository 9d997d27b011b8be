"""Loads the transformer, whole or one stream of it, into our module of the published names."""

from typing import Any

import torch
from torch.distributed.device_mesh import DeviceMesh

from ltx_module.checkpoint.assemble import assemble, check_known
from ltx_module.checkpoint.errors import CheckpointError
from ltx_module.checkpoint.file import SafetensorsFile
from ltx_module.checkpoint.key_maps import component_sources
from ltx_module.model import LTXConfig, LTXTransformer, Streams
from ltx_module.precision.execution import QuantisedFormat
from ltx_module.precision.frozen_linear import quantise_linears
from ltx_module.precision.sharding import BlockShards
from ltx_module.precision.swap_as_loaded import SwapAsLoaded


def load_transformer(
    file: SafetensorsFile,
    config: dict[str, Any],
    streams: Streams,
    dtype: torch.dtype,
    device: torch.device | str,
    *,
    quantised: QuantisedFormat | None = None,
    swap_blocks: int = 0,
    mesh: DeviceMesh | None = None,
) -> LTXTransformer:
    """Builds the streams asked for and loads them; the rest of the file is not read.

    Every tensor of the file must belong to the full model, also when one stream is built.
    """
    whole = build_on_meta(file, config, "av")
    sources = component_sources("transformer", file.tensors)
    check_known(whole, file, sources, "transformer")
    module = whole if streams == "av" else build_on_meta(file, config, streams)
    if quantised is not None:
        quantise_linears(module, quantised)
    wanted = module.state_dict()
    sources = {name: source for name, source in sources.items() if name in wanted}
    swapped = SwapAsLoaded(module, swap_blocks, torch.device(device)) if swap_blocks else None
    shards = None if mesh is None else BlockShards(module, sources, mesh)
    told = swapped or shards
    placed = None if told is None else told.placed
    assemble(module, file, sources, component="transformer", dtype=dtype, device=device, placed=placed)
    module.blocks.loader = None if swapped is None else swapped.swap
    if shards is not None:
        shards.finish()
    return module


def build_on_meta(file: SafetensorsFile, config: dict[str, Any], streams: Streams) -> LTXTransformer:
    """The module without memory for its weights.

    Raises:
        CheckpointError: If the `transformer` section describes something else than LTX-2.3.
    """
    try:
        sizes = LTXConfig.from_metadata(config)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{file.path}: {error}") from error
    with torch.device("meta"):
        return LTXTransformer(sizes, streams)
