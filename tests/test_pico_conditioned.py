"""How a mode is judged on pico: its recipe, its media as latents, and the sheet of results."""

import logging

import pytest
import torch
from PIL import Image

from datamodules.world import write_dataset
from datamodules.world.modes import MODES, Canvas, Footage
from datamodules.world.modes.mode import BLANK
from datamodules.world.modes.tunes import play_tune
from ltx_module.adapters import LoRAConfig, inject_lora, save_lora
from ltx_module.checkpoint import Checkpoint
from ltx_module.cli import main as fit
from ltx_module.pico import PICO_FILE
from ltx_module.pico.conditioned import Laboratory, is_taught, main, summary
from ltx_module.pico.contact_sheet import Row, contact_sheet, save_sheet, spectrogram
from ltx_module.pico.mode_recipe import ModeRecipe, recipe_files
from tests.recipe_files import RECIPES, configs, on_pico

PICO = RECIPES.parent / "assets" / "pico"
CPU = torch.device("cpu")


@pytest.fixture
def lora(tmp_path):
    """A LoRA file that changes nothing."""
    transformer = Checkpoint(PICO / PICO_FILE).load_transformer("av", torch.float32)
    inject_lora(transformer, LoRAConfig(rank=1, alpha=1), 0)
    save_lora(transformer, tmp_path / "lora.safetensors")
    return tmp_path / "lora.safetensors"


@pytest.fixture
def laboratory(lora, monkeypatch):
    """Opens a mode on pico, with two sampling steps."""
    monkeypatch.chdir(RECIPES.parent)

    def opened(name):
        found = Laboratory.open(name, lora, PICO, CPU)
        object.__setattr__(found.recipe, "steps", 2)
        return found

    return opened


@pytest.mark.parametrize("name", list(MODES))
def test_a_mode_is_judged_with_the_overlays_that_make_trains_it_with(name):
    assert [path.stem for path in recipe_files(name, RECIPES)] == on_pico(name)


@pytest.mark.parametrize("name", list(MODES))
def test_recipes_of_modes_give_what_their_drawn_samples_have(name):
    recipe, mode = ModeRecipe.read(name, RECIPES), MODES[name]
    media = {key for one in recipe.conditions.conditions for group in one.media for key in group}
    media |= {recipe.conditions.frozen} - {None}
    assert set(mode.gives) <= media | {"image"}
    assert recipe.streams == (
        "av" if mode.with_sound and mode.with_picture else "video" if mode.with_picture else "audio"
    )
    assert recipe.bucket.is_sound != mode.with_picture


def test_masks_of_examples_become_latents(laboratory):
    found = laboratory("video_inpaint")
    example = found.mode.compose(found.mode.held_out(1)[0], Canvas())
    given = found.media.given(found.mode, example, None)
    expected = ~example.video_mask[::32, ::32]  # the box lies on latent pixels
    assert torch.equal(given.video_mask[0], expected.expand(4, 4, 4))
    assert given.video.shape == (1, 64, 4, 4, 4)
    assert given.names == {"video", "video_mask"}


def test_a_gap_of_sound_becomes_latents(laboratory):
    found = laboratory("audio_inpaint")
    example = found.mode.compose(found.mode.held_out(1)[0], Canvas())
    given = found.media.given(found.mode, example, None)
    seconds = [0.04 * index for index in range(given.audio_mask.shape[1])]  # latent k ends 40 ms times k later
    inside = [0.44 < second < 0.8 for second in seconds]
    outside = [second < 0.38 or second > 0.86 for second in seconds]
    assert not given.audio_mask[0, torch.tensor(inside)].any()
    assert given.audio_mask[0, torch.tensor(outside)].all()


def test_every_signal_of_a_union_is_judged(laboratory):
    results = list(laboratory("ic_union").results(1))
    table = summary(results)
    assert list(table) == ["canny", "depth", "pose"]
    assert all(set(ways) == {"clips", "lora", "base"} for ways in table.values())
    assert table["canny"]["lora"] == table["canny"]["base"]  # the LoRA changes nothing
    assert torch.equal(results[0].with_lora.frames, results[0].without.frames)


def test_a_mode_is_taught_when_every_signal_reaches_every_goal():
    mode = MODES["ic_canny"]
    good = {"edges": 0.9, "colour": 0.9, "background": 0.9}
    assert is_taught(mode, {"": {"lora": good}})
    assert not is_taught(mode, {"": {"lora": good | {"edges": 0.7}}})
    assert not is_taught(mode, {"a": {"lora": good}, "b": {"lora": good | {"colour": 0.7}}})


def test_the_command_writes_a_sheet_with_a_row_for_each_scene(lora, tmp_path, monkeypatch):
    monkeypatch.chdir(RECIPES.parent)
    sheet = tmp_path / "sheets" / "audio_extend.jpg"
    main("audio_extend", lora, scenes=2, directory=PICO, sheet=sheet)
    two = Image.open(sheet)
    main("audio_extend", lora, scenes=1, directory=PICO, sheet=sheet)
    one = Image.open(sheet)
    assert two.width == one.width
    assert two.height - one.height == pytest.approx(one.height, rel=0.5)


def test_a_sheet_shows_frames_in_order_and_blanks_where_there_is_nothing(tmp_path):
    brightness = torch.linspace(0, 200, 25).round().to(torch.uint8)
    clip = Footage(frames=brightness[:, None, None, None].expand(25, 3, 32, 32))
    sheet = contact_sheet(
        [Row(caption="", blocks={"given": footage, "never": Footage()}) for footage in (clip, Footage())]
    )
    assert sheet.width == 14 + 310 + 14  # a block between margins, and none for what never has footage
    shown, blank = (
        [sheet.getpixel((14 + 38 + 78 * column, 60 + row))[0] for column in range(4)] for row in (0, 15 + 78 + 14)
    )
    assert shown == pytest.approx([0, 67, 133, 200], abs=5)
    assert blank == [BLANK] * 4
    save_sheet(sheet, tmp_path / "sheet.jpg")
    assert Image.open(tmp_path / "sheet.jpg").size == sheet.size


@pytest.mark.slow
@pytest.mark.parametrize("name", ["audio_extend", "ic_canny"])
def test_a_recipe_teaches_a_mode(name, tmp_path, monkeypatch):
    monkeypatch.chdir(RECIPES.parent)
    monkeypatch.setattr("sys.argv", ["ltx_module"])
    monkeypatch.setenv("LTX_RUN", "")
    logging.getLogger("ltx_module").setLevel(logging.WARNING)
    write_dataset(tmp_path / "clips", 48, mode=name)
    options = {"data.path": tmp_path / "clips", "trainer.max_steps": 400, "trainer.default_root_dir": tmp_path / "run"}
    words = [*configs(*on_pico(name)), "--sample.prompts=[]"]
    fit(["fit", *words, *(f"--{key}={value}" for key, value in options.items())])
    lora = tmp_path / "run" / "lora" / "step_000400.safetensors"
    (ways,) = summary(list(Laboratory.open(name, lora, PICO, CPU).results(6))).values()
    key = next(iter(MODES[name].goals))
    assert ways["lora"][key] > ways["base"][key] + 0.3


def test_a_spectrogram_has_its_tone_where_it_belongs():
    strip = spectrogram(play_tune([250, 750], frames=24))[0].float()
    columns = strip.shape[1]
    first, second = (strip[:, columns * place // 10].argmin() / strip.shape[0] for place in (1, 3))
    assert float(first) == pytest.approx(0.75, abs=0.04)  # 250 of 1000 Hz, counted from below
    assert float(second) == pytest.approx(0.25, abs=0.04)
    assert strip.max() > 240
    assert (spectrogram(None) == BLANK).all()
