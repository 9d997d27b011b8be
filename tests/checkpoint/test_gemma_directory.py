"""What is given as the text encoder in place of Gemma 3, and the fingerprint of the real one."""

import json
import shutil

import pytest
from safetensors.torch import load_file, save_file

from ltx_module.checkpoint import CheckpointError
from ltx_module.checkpoint.gemma import check_gemma_directory

SHARD = "model-00001-of-00002.safetensors"
INDEX = "model.safetensors.index.json"
LICENCE = r"Accept the licence at https://huggingface.co/google/gemma-3.*hf download"


@pytest.fixture
def copy(gemma_directory, tmp_path):
    """A copy of pico's Gemma to break."""
    return shutil.copytree(gemma_directory, tmp_path / "gemma")


def edit_json(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_the_complete_directory_is_accepted(gemma_directory):
    assert check_gemma_directory(gemma_directory, states=(5, 128)) == check_gemma_directory(gemma_directory)


def test_a_missing_and_an_empty_directory(tmp_path):
    with pytest.raises(CheckpointError, match=f"does not exist.*{LICENCE}"):
        check_gemma_directory(tmp_path / "gemma")
    with pytest.raises(CheckpointError, match=f"is empty.*{LICENCE}"):
        check_gemma_directory(tmp_path)


def test_a_hub_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="place on the Hugging Face hub"):
        check_gemma_directory("google/gemma-3-12b-it")


def test_a_single_file(copy):
    with pytest.raises(CheckpointError, match="is a file"):
        check_gemma_directory(copy / SHARD)


def test_a_directory_without_config(copy):
    (copy / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        check_gemma_directory(copy)


@pytest.mark.parametrize("kind", ["gemma2", "gemma3n", "qwen2_5_vl", None])
def test_another_model(copy, kind):
    edit_json(copy / "config.json", lambda config: config.update(model_type=kind))
    with pytest.raises(CheckpointError, match=f"model of type `{kind}`"):
        check_gemma_directory(copy)


def test_another_size_of_gemma(gemma_directory):
    with pytest.raises(CheckpointError, match=r"4 layers of width 128, but .* 48 layers of width 3840: .*another size"):
        check_gemma_directory(gemma_directory, states=(49, 3840))


def test_no_weights_at_all(copy):
    (copy / INDEX).unlink()
    with pytest.raises(CheckpointError, match="would load no weights: it has neither"):
        check_gemma_directory(copy)


def test_weights_under_names_that_transformers_would_skip_silently(copy):
    for shard in copy.glob("*.safetensors"):
        tensors = load_file(shard)
        save_file({f"text_encoder.{name}": tensor for name, tensor in tensors.items()}, shard)
    with pytest.raises(CheckpointError, match="would load no weights: no tensor"):
        check_gemma_directory(copy)


def test_a_missing_shard(copy):
    (copy / SHARD).unlink()
    with pytest.raises(CheckpointError, match=f"incomplete: {SHARD}"):
        check_gemma_directory(copy)


def test_a_truncated_shard(copy):
    content = (copy / SHARD).read_bytes()
    (copy / SHARD).write_bytes(content[:-100])
    with pytest.raises(CheckpointError, match=f"{SHARD} is truncated"):
        check_gemma_directory(copy)


def test_an_index_that_forgets_a_shard(copy):
    edit_json(copy / INDEX, lambda index: index.update(weight_map={"x": SHARD}))
    with pytest.raises(CheckpointError, match=r"incomplete: .* tensors such as"):
        check_gemma_directory(copy)


def test_a_directory_without_tokenizer(copy):
    (copy / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match="has no tokenizer"):
        check_gemma_directory(copy)


def test_a_changed_weight_tokenizer_or_config_changes_the_fingerprint(copy):
    seen = {check_gemma_directory(copy)}
    tensors = load_file(copy / SHARD)
    name = next(name for name in tensors if name.startswith("language_model."))
    save_file(tensors | {name: tensors[name] * 1.01 + 0.1}, copy / SHARD)
    seen.add(check_gemma_directory(copy))
    edit_json(copy / "tokenizer.json", lambda content: content["model"].update(fuse_unk=False))
    seen.add(check_gemma_directory(copy))
    edit_json(copy / "config.json", lambda config: config["text_config"].update(sliding_window=64))
    seen.add(check_gemma_directory(copy))
    assert len(seen) == 4


def test_the_names_that_transformers_5_saves_give_the_same_model(copy, gemma_directory):
    weight_map = {}
    for shard in sorted(copy.glob("*.safetensors")):
        tensors = {n.replace("language_model.model.", "model.language_model."): t for n, t in load_file(shard).items()}
        save_file(tensors, shard)
        weight_map |= dict.fromkeys(tensors, shard.name)
    edit_json(copy / INDEX, lambda index: index.update(weight_map=weight_map))
    assert check_gemma_directory(copy, states=(5, 128))


def test_the_vision_tower_does_not_enter_the_fingerprint(copy, gemma_directory):
    for shard in copy.glob("*.safetensors"):
        kept = {name: tensor for name, tensor in load_file(shard).items() if name.startswith("language_model.")}
        save_file(kept, shard)
    assert check_gemma_directory(copy) == check_gemma_directory(gemma_directory)
