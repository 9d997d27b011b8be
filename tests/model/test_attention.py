import pytest
import torch

from ltx_module.model.attention import Attention, attend, attention_bias


@pytest.fixture
def qkv():
    return torch.randn(3, 2, 4, 5, 8, generator=torch.Generator().manual_seed(0))


def test_a_mask_multiplies_the_weights_before_they_are_normalised(qkv):
    mask = torch.rand(2, 5, 5, generator=torch.Generator().manual_seed(1))
    q, k, v = qkv
    weights = (q @ k.transpose(-1, -2) / 8**0.5).exp() * mask[:, None]
    expected = weights / weights.sum(-1, keepdim=True) @ v
    torch.testing.assert_close(attend(q, k, v, attention_bias(mask, torch.float32)), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_key_of_weight_zero_is_never_attended_to(qkv, dtype):
    mask = torch.ones(2, 5, 5)
    mask[:, :, 2] = 0
    q, k, v = qkv.to(dtype)
    changed = v.clone()
    changed[:, :, 2] = 1e4
    bias = attention_bias(mask, dtype)
    assert torch.equal(attend(q, k, v, bias), attend(q, k, changed, bias))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_query_without_keys_gives_no_nan_forward_or_backward(qkv, dtype):
    mask = torch.ones(2, 5, 5)
    mask[:, 3] = 0
    qkv = qkv.to(dtype).requires_grad_()
    out = attend(*qkv, attention_bias(mask, dtype))
    out.sum().backward()
    # It attends to all keys alike; no kernel is trusted with a row of minus infinity.
    torch.testing.assert_close(out[:, :, 3], qkv[2].mean(dim=2), atol=2e-2, rtol=0)
    assert qkv.grad.isfinite().all()


def test_zero_gate_logits_leave_the_heads_as_they_are():
    torch.manual_seed(0)
    attention = Attention(8, 8, num_heads=2, head_dim=4, eps=1e-6)
    torch.nn.init.zeros_(attention.to_gate_logits.weight)
    torch.nn.init.zeros_(attention.to_gate_logits.bias)
    x = torch.randn(1, 3, 8)
    # Skipped attention is the value path, which is two linear layers once the gates are 1.
    expected = attention.to_out[0](attention.to_v(x))
    torch.testing.assert_close(attention(x, x, skip=True), expected)
