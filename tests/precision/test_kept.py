"""What the compiler saves of a block for backward is what the memory estimate says it does."""

import pytest
import torch
from torch import Tensor

from ltx_module.adapters import LoRAConfig, inject_lora
from ltx_module.model import LTXConfig, LTXTransformer, Modality, Streams
from ltx_module.precision.memory_constants import COMPILED

WIDTH = 512
CONFIG = LTXConfig(
    num_layers=1,
    num_attention_heads=4,
    attention_head_dim=128,
    cross_attention_dim=WIDTH,
    audio_num_attention_heads=4,
    audio_attention_head_dim=64,
    audio_cross_attention_dim=WIDTH // 2,
)


def modality(tokens: int, prompt: int, width: int, axes: int) -> Modality:
    return Modality(
        latent=torch.randn(1, tokens, 128),
        sigma=torch.full((1,), 0.5),
        timesteps=torch.full((1, tokens), 0.5),
        positions=torch.rand(1, axes, tokens, 2),
        context=torch.randn(1, prompt, width).bfloat16(),
    )


def saved_bytes(transformer: LTXTransformer, tokens: int, prompt: int = 64) -> int:
    """Bytes of the tensors that the compiled block saves, weights apart."""
    own = {parameter.untyped_storage().data_ptr() for parameter in transformer.parameters()}
    saved, inputs = dict[int, Tensor](), []

    def keep(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    audio = modality(16, prompt, WIDTH // 2, 1) if transformer.streams == "av" else None
    block = transformer.blocks[0]
    with torch.autocast("cpu", torch.bfloat16):
        hook = block.register_forward_pre_hook(lambda module, given: inputs.append(given))
        with torch.no_grad():
            transformer(modality(tokens, prompt, WIDTH, 3), audio)
        hook.remove()
        video, sound, *rest = inputs[0]
        leaves = [None if x is None else x.detach().requires_grad_() for x in (video, sound)]
        torch._dynamo.reset()
        compiled = torch.compile(block.forward, backend="aot_eager", dynamic=False)  # with the partitioner of inductor
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            compiled(*leaves, *rest)
    return sum(tensor.untyped_storage().nbytes() for tensor in saved.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("streams", "expected"), [("video", COMPILED.stream), ("av", COMPILED.stream + COMPILED.cross)]
)
def test_a_compiled_block_keeps_so_many_bytes_for_a_token_and_unit_of_width(streams: Streams, expected: float):
    transformer = LTXTransformer(CONFIG, streams).bfloat16()
    inject_lora(transformer, LoRAConfig(rank=2, targets="all_attention" if streams == "av" else streams), 0)
    transformer.train()
    more = saved_bytes(transformer, 192) - saved_bytes(transformer, 64)
    assert more / 128 / WIDTH == pytest.approx(expected, rel=0.15)  # what is fitted may differ from what is counted
