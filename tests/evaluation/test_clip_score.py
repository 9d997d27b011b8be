import json

import pytest
import torch

from ltx_module.evaluation.clip_score import ClipScorer


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A CLIP model of random weights, as a user would have one on the disk."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

    directory = tmp_path_factory.mktemp("clip")
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {**sizes, "vocab_size": 60, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    vision = {**sizes, "image_size": 32, "patch_size": 16}
    torch.manual_seed(0)
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).save_pretrained(directory)
    words = [
        "<|startoftext|>",
        "<|endoftext|>",
        *(letter + end for letter in "abcdefghijklmnopqrstuvwxyz" for end in ("", "</w>")),
    ]
    (directory / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (directory / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(directory / "vocab.json"), str(directory / "merges.txt"))
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(images, tokenizer).save_pretrained(directory)
    return ClipScorer(directory)


def test_the_score_depends_on_picture_and_prompt(model):
    frames = torch.randint(0, 255, (9, 3, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    scores = {model.score(frames, "a red circle"), model.score(255 - frames, "a red circle"), model.score(frames, "bb")}
    assert len(scores) == 3
    assert all(0 <= score <= 100 for score in scores)


def test_a_prompt_longer_than_the_model_reads_is_cut(model):
    frames = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    assert model.score(frames, "a " * 500) >= 0
