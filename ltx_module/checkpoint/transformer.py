"""Loads the transformer, whole or one stream of it, into our module of the published names."""

from typing import Any, cast

import torch

from ltx_module.checkpoint.assemble import assemble, check_known
from ltx_module.checkpoint.errors import CheckpointError
from ltx_module.checkpoint.file import SafetensorsFile
from ltx_module.checkpoint.key_maps import component_sources
from ltx_module.model import LTXConfig, LTXTransformer, Streams


def load_transformer(
    file: SafetensorsFile, config: dict[str, Any], streams: Streams, dtype: torch.dtype, device: torch.device | str
) -> LTXTransformer:
    """Builds the streams asked for and loads them; the rest of the file is not read.

    Every tensor of the file must belong to the full model, also when one stream is built.
    """
    whole = build_on_meta(file, config, "av")
    sources = component_sources("transformer", file.tensors)
    check_known(whole, file, sources, "transformer")
    module = whole if streams == "av" else build_on_meta(file, config, streams)
    wanted = module.state_dict()
    sources = {name: source for name, source in sources.items() if name in wanted}
    loaded = assemble(module, file, sources, component="transformer", dtype=dtype, device=device)
    return cast(LTXTransformer, loaded)


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
