"""Will ComfyUI load it?"""

import pytest
import torch
from safetensors.torch import save_file

from tests.ui.packages.made import write_package
from tests.ui.tries.made import BLOCK, write_lora, write_safetensors
from ui.packages.load_report import load_report
from ui.packages.package import package_of
from ui.packages.safetensors_header import read_header, shown_size
from ui.runs.run_recipe import run_recipe


def report(workspace):
    return load_report(workspace, package_of(workspace, "mine-1"), run_recipe(workspace, "mine-1").document)


def test_all_keys_of_a_fitting_file_have_their_place(workspace, root):
    write_package(root)
    found = report(workspace)
    assert (found.num_keys, found.num_loaded, found.is_good, found.rank) == (2, 2, True, 2)
    assert found.verdict == "All 2 keys have their place in base.safetensors."
    assert "3.3e-06" in found.comparison
    assert found.groups == (("picture: attention", 1),)


@pytest.mark.parametrize("change", [{"module": "transformer_blocks.7.attn1.to_q"}, {"width": 16}])
def test_keys_without_a_place_are_named(workspace, root, change):
    run = write_package(root)
    write_lora(run / "export" / "mine-1-000020.safetensors", **change)
    found = report(workspace)
    assert not found.is_good
    assert found.num_loaded == 0
    assert len(found.not_loaded) == 2
    assert "2 of 2 keys have no place" in found.verdict
    assert found.comparison == ""  # what the export measured was another file


def test_a_key_whose_other_half_is_missing_does_not_load(workspace, root):
    run = write_package(root)
    shapes = {f"diffusion_model.{BLOCK}.lora_A.weight": (2, 8)}
    write_safetensors(run / "export" / "mine-1-000020.safetensors", shapes)
    assert report(workspace).num_loaded == 0


def test_keys_in_the_names_of_diffusers_do_not_load(workspace, root):
    run = write_package(root)
    shapes = {f"transformer.{BLOCK}.lora_A.weight": (2, 8), f"transformer.{BLOCK}.lora_B.weight": (8, 2)}
    write_safetensors(run / "export" / "mine-1-000020.safetensors", shapes)
    assert report(workspace).num_loaded == 0


def test_without_the_base_model_the_export_is_believed(workspace, root):
    write_package(root)
    (root / "models" / "base.safetensors").unlink()
    found = report(workspace)
    assert (found.num_loaded, found.is_good) == (-1, True)
    assert "The export checked 2 keys." in found.verdict


def test_a_base_model_outside_is_not_opened(workspace, root, tmp_path_factory):
    run = write_package(root)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "base.safetensors"
    (root / "models" / "base.safetensors").rename(elsewhere)
    text = (run / "recipe.yaml").read_text().replace("models/base.safetensors", str(elsewhere))
    (run / "recipe.yaml").write_text(text)
    assert report(workspace).num_loaded == -1


@pytest.mark.parametrize("content", ["{", "[]", '{"keys_loaded": "many"}', '{"keys_loaded": 1}'])
def test_a_check_that_cannot_be_read_is_none(workspace, root, content):
    run = write_package(root)
    (run / "export" / "mine-1-000020.check.json").write_text(content)
    assert report(workspace).measured is None


def test_the_header_is_that_of_the_library(tmp_path):
    tensors = {"a.lora_A.weight": torch.zeros(2, 3, dtype=torch.bfloat16), "b": torch.zeros(4)}
    save_file(tensors, tmp_path / "x.safetensors", metadata={"trigger": "SKS"})
    header = read_header(tmp_path / "x.safetensors")
    assert header.shapes == {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    assert (header.metadata, header.num_parameters, header.is_lora) == ({"trigger": "SKS"}, 10, True)


@pytest.mark.parametrize(
    "content", [b"", b"1234567", b"\xff" * 64, b"\x02\0\0\0\0\0\0\0[]", b"\x08\0\0\0\0\0\0\0" + b'{"a": 1}']
)
def test_what_is_no_safetensors_file_is_told_in_words(tmp_path, content):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="no safetensors file"):
        read_header(tmp_path / "x.safetensors")


def test_sizes_are_shown_in_units_that_people_use():
    assert [shown_size(size) for size in (12, 561608, 1.2e9)] == ["12 bytes", "561.6 kB", "1.2 GB"]
