from pathlib import Path

import pytest
import torch

from ltx_module.adapter_files import AdapterFile, require_loras
from ltx_module.adapters import LoRAConfig, inject_lora, read_lora_file, save_lora, write_lora_file
from ltx_module.adapters.conditioning_metadata import ReferenceFactors, conditioning_metadata
from ltx_module.diffusion.conditioning import FirstFrame, Reference

FACTOR_2 = {"reference_downscale_factor": "2", "reference_spatial_scale_factor": "2"}


@pytest.fixture
def save(build, tmp_path):
    """Write a LoRA file with the given entries."""
    transformer = build()
    inject_lora(transformer, LoRAConfig(rank=2, targets="video"), seed=1)

    def make(metadata):
        path = tmp_path / "ic.safetensors"
        save_lora(transformer, path, metadata=metadata)
        return path

    return make


def test_factors_are_written_as_the_published_trainer_does():
    assert conditioning_metadata([FirstFrame(), Reference()], downscale_factor=2) == FACTOR_2


def test_an_ic_lora_of_full_size_is_known_by_a_factor_of_one():
    assert conditioning_metadata([Reference()])["reference_downscale_factor"] == "1"


def test_slower_references_add_the_temporal_factor():
    entries = conditioning_metadata([Reference()], temporal_factor=4)
    assert entries["reference_temporal_scale_factor"] == "4"


@pytest.mark.parametrize("conditions", [[], [FirstFrame()], [Reference(modality="audio")]])
def test_without_reference_videos_nothing_is_written(conditions):
    assert conditioning_metadata(conditions, downscale_factor=2) == {}


def test_factors_come_back_from_a_file(save):
    path = save(conditioning_metadata([Reference()], downscale_factor=2, temporal_factor=3))
    assert read_lora_file(path).reference_factors == ReferenceFactors(spatial=2, temporal=3)


def test_an_ordinary_file_has_no_factors(save):
    assert read_lora_file(save({})).reference_factors is None


@pytest.mark.parametrize(
    "entries",
    [
        {"reference_downscale_factor": "2.0"},
        {"reference_spatial_scale_factor": "2"},
        {"ss_reference_downscale_factor": "2"},
    ],
)
def test_factors_of_other_tools_are_read(entries):
    assert ReferenceFactors.of(entries, Path("x")) == ReferenceFactors(spatial=2)


@pytest.mark.parametrize("text", ["half", "0", "1.5", "-2", "nan", "inf"])
def test_a_factor_that_is_no_whole_number_is_refused(text):
    with pytest.raises(ValueError, match=rf"a\.safetensors: metadata reference_downscale_factor is '{text}'"):
        ReferenceFactors.of({"reference_downscale_factor": text}, Path("a.safetensors"))


def test_an_ic_lora_of_another_size_is_refused_before_anything_is_loaded(save):
    files = [AdapterFile(save(FACTOR_2))]
    with pytest.raises(ValueError, match=r"factor 2 .*`data\.reference_downscale_factor` is 1.*to 2"):
        require_loras(files, conditioning_metadata([Reference()]))


def test_an_ic_lora_of_another_rate_is_refused(save):
    files = [AdapterFile(save(conditioning_metadata([Reference()], temporal_factor=2)))]
    with pytest.raises(ValueError, match=r"factor 2 .*`data\.reference_temporal_factor` is 1"):
        require_loras(files, conditioning_metadata([Reference()]))


@pytest.mark.parametrize("recipe", [{}, conditioning_metadata([Reference()], downscale_factor=2)])
def test_an_ic_lora_goes_with_its_own_recipe_and_with_one_without_references(save, recipe):
    files = [AdapterFile(save(FACTOR_2))]
    assert require_loras(files, recipe) == tuple(files)


def test_an_ordinary_lora_goes_with_a_recipe_of_references(save):
    files = [AdapterFile(save({}))]
    assert require_loras(files, FACTOR_2) == tuple(files)


def test_a_rewritten_file_keeps_its_factors(save, tmp_path):
    file = read_lora_file(save(FACTOR_2))
    again = tmp_path / "again.safetensors"
    write_lora_file(again, file.pairs, dtype=torch.float32, metadata=file.metadata)
    assert read_lora_file(again).reference_factors == ReferenceFactors(spatial=2)
