"""The text encoder on pico's Gemma: against transformers itself, in every precision, and its tokens."""

import logging
from typing import ClassVar

import pytest
import torch

from ltx_module.checkpoint.file import TensorInfo
from ltx_module.checkpoint.gemma import GemmaEncoder
from ltx_module.checkpoint.gemma_directory import GemmaDirectory
from ltx_module.checkpoint.gemma_precision import estimate_bytes, resolve_precision
from ltx_module.checkpoint.gemma_tokens import GemmaTokenizer

CAPTIONS = ["A red circle moves slowly to the right, with a low tone.", "", "  zébra 中 "]
WINDOW = 128


@pytest.fixture(scope="module")
def encode(gemma_directory):
    """Hidden states of the captions in a precision, each encoded once."""
    found = {}

    def run(precision):
        if precision not in found:
            found[precision] = GemmaEncoder(gemma_directory, precision=precision, text_window=WINDOW).encode(CAPTIONS)
        return found[precision]

    return run


@pytest.fixture(scope="module")
def tokenizer(gemma_directory):
    return GemmaTokenizer(gemma_directory, WINDOW)


def test_hidden_states_are_those_of_the_whole_model_in_transformers(encode, gemma_directory):
    from transformers import AutoTokenizer, Gemma3ForConditionalGeneration

    hidden, mask = encode("fp32")
    model, report = Gemma3ForConditionalGeneration.from_pretrained(
        gemma_directory, dtype=torch.float32, local_files_only=True, output_loading_info=True
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    tokens = AutoTokenizer.from_pretrained(gemma_directory, local_files_only=True, padding_side="left")(
        [caption.strip() for caption in CAPTIONS], padding="max_length", max_length=WINDOW, return_tensors="pt"
    )
    assert torch.equal(tokens["attention_mask"], mask)
    with torch.no_grad():
        expected = model.model(**tokens, output_hidden_states=True).hidden_states
    assert hidden.shape == (3, len(expected), WINDOW, 128)
    for layer, states in enumerate(expected):
        # rows of the padding attend to nothing defined and are masked later
        assert torch.allclose(hidden[:, layer][mask.bool()], states[mask.bool()], atol=1e-5)


def test_padding_changes_nothing(encode, gemma_directory):
    whole, mask = encode("fp32")
    gemma = GemmaEncoder(gemma_directory, precision="fp32", text_window=WINDOW)
    trimmed, short = gemma.encode(CAPTIONS, trimmed=True)
    assert short.shape == (3, 32)
    assert torch.equal(short, mask[:, -32:])
    alone = [gemma.encode([caption], trimmed=True)[0][0] for caption in CAPTIONS]
    for row, tokens in enumerate(mask.sum(dim=1).tolist()):
        assert torch.allclose(trimmed[row, :, -tokens:], whole[row, :, -tokens:], atol=1e-5)
        assert torch.allclose(alone[row][:, -tokens:], whole[row, :, -tokens:], atol=1e-5)


def test_the_last_state_is_after_the_final_norm(encode):
    hidden, mask = encode("fp32")
    last = hidden[:, -1][mask.bool()]
    # pico's final norm has weight 0, which Gemma reads as a factor of 1
    assert torch.allclose(last.square().mean(dim=-1), torch.ones(len(last)), atol=1e-3)


def test_auto_is_fp32_for_a_small_model_on_the_cpu(gemma_directory):
    assert resolve_precision("auto", GemmaDirectory(gemma_directory), torch.device("cpu")) == "fp32"


def test_layer_by_layer_equals_bf16(encode):
    assert torch.equal(encode("layerwise")[0], encode("bf16")[0])


@pytest.mark.parametrize(("precision", "similarity"), [("bf16", 0.9995), ("int8", 0.999), ("nf4", 0.93)])
def test_lower_precisions_stay_close(encode, precision, similarity):
    exact, mask = encode("fp32")
    hidden = encode(precision)[0].float()
    for layer in range(exact.shape[1]):
        one, two = hidden[:, layer][mask.bool()], exact[:, layer][mask.bool()]
        assert torch.nn.functional.cosine_similarity(one, two, dim=-1).mean() > similarity


def test_quantised_weights_take_a_quarter_and_half(gemma_directory):
    def linear_bytes(precision):
        model = GemmaEncoder(gemma_directory, precision=precision, text_window=WINDOW)._model
        return model.get_parameter("layers.0.mlp.down_proj.weight").nbytes

    assert linear_bytes("int8") * 2 == linear_bytes("bf16")
    assert linear_bytes("nf4") * 4 == linear_bytes("bf16")


class Store:
    """The language model of Gemma 3 12B, by its published sizes."""

    path = None
    tensors: ClassVar = {
        "layers.0.mlp.up_proj.weight": TensorInfo("BF16", (10_759_000_000,), 0, 0),
        "embed_tokens.weight": TensorInfo("BF16", (1_007_000_000,), 0, 0),
    }


def test_memory_estimates_are_those_of_the_published_model():
    estimate = {name: round(size / 1e9, 1) for name, size in estimate_bytes(Store()).items()}
    assert estimate == {"fp32": 47.1, "bf16": 23.5, "int8": 12.8, "nf4": 8.1}


@pytest.mark.parametrize(
    ("free_gb", "expected"), [(80, "bf16"), (28, "bf16"), (24, "int8"), (17.5, "int8"), (16, "nf4"), (12, "layerwise")]
)
def test_auto_takes_the_most_exact_precision_that_fits_the_free_memory(monkeypatch, free_gb, expected):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(free_gb * 1e9), int(80e9)))
    assert resolve_precision("auto", Store(), torch.device("cuda")) == expected


def test_a_precision_that_does_not_exist_is_refused(gemma_directory):
    with pytest.raises(ValueError, match="text_encoder_precision` is `int4`"):
        GemmaEncoder(gemma_directory, precision="int4", text_window=WINDOW)


def test_captions_are_padded_on_the_left_behind_one_bos_and_no_eos(tokenizer):
    ids, mask = tokenizer(["A red star", ""])
    assert mask.sum(dim=1).tolist() == [4, 1]  # BOS and three words; BOS alone
    assert ids[0, -4:].tolist()[0] == ids[1, -1] == 2
    assert (ids[0, :-4] == 0).all()
    assert 1 not in ids


def test_a_bos_in_the_text_is_not_doubled_and_white_space_does_not_count(tokenizer):
    assert torch.equal(tokenizer(["<bos>A red star"])[0], tokenizer(["\n A red star  "])[0])


def test_a_long_caption_is_cut_at_its_end_and_reported(tokenizer, caplog):
    long = "A " + "red " * 200
    with caplog.at_level(logging.WARNING):
        ids, mask = tokenizer(["A red star", long])
    assert mask[1].all()
    assert ids[1, 0] == 2
    assert tokenizer.count([long]) == [202]  # BOS, "A" and 200 words
    assert [record.args[1:] for record in caplog.records] == [(202, 74, 128)]
    assert caplog.records[0].args[0].startswith("A red red")


def test_a_window_that_fits_no_registers_is_refused(gemma_directory):
    with pytest.raises(ValueError, match="multiple of 128"):
        GemmaTokenizer(gemma_directory, 100)
