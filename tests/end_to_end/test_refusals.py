"""Every mistake a user can make ends with exit code 2 and a first line that names the key or the file."""

import shutil
from pathlib import Path

import pytest

from ltx_module.cli import main
from tests.end_to_end.runs import RECIPES, ROOT, SHORT, every, files_below

AV = "audio_video"
FAST = "--sample.preset=fast"

# name: verb, recipe, options, what the first line says, what stands somewhere in the message
REFUSED: dict[str, tuple[str, str, tuple[str, ...], str, str]] = {
    "unknown key": ("check", AV, ("--model.lora.rnak=3",), "--model.lora.rnak", "check --help"),
    "unknown key in a recipe": ("fit", AV, ("--config={rnak}",), "model.lora.rnak", "fit --help"),
    "wrong value": ("check", AV, ("--model.lora.rank=-3",), "`model.lora.rank`", "-3"),
    "wrong choice": ("check", AV, ("--model.streams=both",), "`model.streams`", "'video'"),
    "wrong precision": ("check", AV, ("--trainer.precision=16",), "`trainer.precision`", "bf16-mixed"),
    "no such callback": ("check", AV, ("--trainer.callbacks+=callbacks.Foo",), "`trainer.callbacks`", "callbacks.Foo"),
    "missing recipe": ("check", AV, ("--config=nowhere.yaml",), "nowhere.yaml", "does not exist"),
    "broken recipe": ("check", AV, ("--config", "{broken}"), "{broken}", "line 2"),
    "epochs": ("fit", AV, ("--trainer.max_epochs=3",), "`trainer.max_epochs` is 3", "`trainer.max_steps`"),
    "frames of a bucket": ("check", AV, ("--data.buckets=[64x64x8]",), "`data.buckets[0].frames` is 8", "use 1 or 9"),
    "width of a bucket": ("check", AV, ("--data.buckets=[64x64x9,60x64x9]",), "`data.buckets[1].width` is 60", "64"),
    "notation of a bucket": ("check", AV, ("--data.buckets=[64by64]",), "`data.buckets[0]`", "960x544x49"),
    "no bucket": ("check", AV, ("--data.buckets=[]",), "`data.buckets` is empty", "960x544x49"),
    "size of a sample": ("fit", AV, ("--sample.size=64x64x10",), "`sample.size.frames` is 10", "9 or 17"),
    "preset": ("fit", AV, ("--sample.preset=best",), "`sample.preset` is 'best'", "quality"),
    "text window": ("check", AV, ("--data.text_window=200",), "`data.text_window` is 200", "multiple of 128"),
    "layers": ("fit", AV, ("--model.lora.targets=[attn9]",), "`model.lora.targets`", "attn9"),
    "no device": ("fit", AV, ("--trainer.devices=0",), "`trainer`", "devices="),
    "missing dataset": ("check", AV, ("--data.path={tmp}/nowhere",), "`data.path`", "nowhere"),
    "empty dataset": ("check", AV, ("--data.path={empty}",), "`data.path`", ".mp4"),
    "no usable clip": ("fit", AV, ("--data.path={corrupt}",), "`data.path`", "noise.mp4"),
    "no sound": ("check", AV, ("--data.path={silent}",), "`model.streams` trains sound", "model.streams: video"),
    "no room for the cache": ("check", AV, ("--data.text_window=12800000000",), "The cache needs", "data.cache_dir"),
    "no room for the run": ("check", AV, ("--trainer.max_steps=1000000000000",), "The run fills", "keep_last"),
    "cache in a file": ("fit", AV, ("--data.cache_dir={lora}/cache",), "{lora}/cache", "`data.cache_dir`"),
    "missing model": ("fit", AV, ("--model.base_model=models/ltx-2.3-22b.safetensors",), "`model.base_model`", "46"),
    "hub id": ("check", AV, ("--model.base_model=Lightricks/LTX-2.3",), "Lightricks/LTX-2.3", "hf download"),
    "hub address": ("check", AV, ("--model.base_model=https://hf.co/x/y",), "https:/", "hf download"),
    "LoRA as base model": ("check", AV, ("--model.base_model={lora}",), "{lora} is a LoRA file", "init_from"),
    "truncated base model": ("check", AV, ("--model.base_model={truncated}",), "{truncated}", "hf download"),
    "folder as base model": ("check", AV, ("--model.base_model={empty}",), "{empty} is a directory", "one file"),
    "empty Gemma": ("fit", AV, ("--model.text_encoder={empty}",), "`model.text_encoder`", "{empty}"),
    "distilled base": ("fit", AV, ("--model.base_model={distilled}",), "is the distilled model", "allow_distilled"),
    "fast on the dev model": ("fit", AV, (FAST, "--sample.steps=null"), "`sample.preset` is fast", "distilled_lora"),
    "fast with steps": ("fit", AV, (FAST, "--sample.steps=4"), "`sample.steps` is 4", "eight"),
    "fast, checked": ("check", AV, (FAST, "--sample.steps=null"), "`sample.preset` is fast", "distilled_lora"),
    "fast, sampled": ("sample", AV, (FAST, "--sample.steps=null", "--lora=none"), "`sample.preset` is fast", "quality"),
    "missing distilled LoRA": (
        *("fit", AV, (FAST, "--sample.steps=null", "--sample.distilled_lora=nowhere.safetensors")),
        *("`sample.distilled_lora` is nowhere.safetensors", "hf download"),
    ),
    "missing start": ("fit", AV, ("--model.lora.init_from=nowhere",), "`model.lora.init_from` is nowhere", "null"),
    "nothing trained yet": ("sample", AV, (), "runs/audio_video-1 has no LoRA yet", "`fit` first"),
    "nothing to validate": ("validate", AV, (), "runs/audio_video-1 has no LoRA yet", "`fit` first"),
    "nothing to export": ("export", AV, (), "runs/audio_video-1 has no LoRA yet", "`fit` first"),
    "nothing in a named run": ("export", AV, ("--run=mine",), "runs/mine has no LoRA yet", "--lora FILE"),
    "missing LoRA": ("sample", AV, ("--lora=nowhere.safetensors:0.5",), "`--lora` is nowhere.safetensors", "none"),
    "not a LoRA": ("sample", AV, ("--lora={distilled}",), "{distilled}", "LoRA"),
    "two LoRAs to export": ("export", AV, ("--lora={lora}", "--lora={lora}"), "`export` takes one LoRA", "--lora FILE"),
    "no prompt": ("sample", AV, ("--sample.prompts=[]", "--lora=none"), "`sample.prompts` is empty", "prompt"),
    "missing state": ("fit", AV, ("--ckpt_path=nowhere.ckpt",), "`--ckpt_path` is nowhere.ckpt", "last"),
}


@pytest.fixture(scope="module")
def places(pico, demo_folder, tmp_path_factory) -> dict[str, Path]:
    """The files that the table refers to."""
    tmp = tmp_path_factory.mktemp("mistakes")
    made = {name: tmp / name for name in ("tmp", "empty", "corrupt", "silent")}
    for directory in made.values():
        directory.mkdir()
    (made["corrupt"] / "noise.mp4").write_bytes(b"noise" * 1000)
    shutil.copy(next(demo_folder.glob("*.png")), made["silent"] / "still.png")
    made |= {"rnak": tmp / "rnak.yaml", "broken": tmp / "broken.yaml", "truncated": tmp / "half.safetensors"}
    made["rnak"].write_text("model: {lora: {rnak: 3}}\n")
    made["broken"].write_text("model: {lora: {rank: 3\n")
    whole = (pico / "ltx-2.3-pico.safetensors").read_bytes()
    made["truncated"].write_bytes(whole[: len(whole) // 2])
    made["distilled"] = tmp / "ltx-2.3-22b-distilled.safetensors"
    made["distilled"].write_bytes(whole)
    made["lora"] = ROOT / "tests/golden/tiny-lora-comfyui.safetensors"
    return made


@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_is_told_in_few_lines_and_leaves_no_run(name, cli, places, tmp_path, demo_folder, capsys):
    verb, recipe, options, first, anywhere = REFUSED[name]
    encoded = list((demo_folder / ".ltx-cache").glob("*/*/*.safetensors"))
    with pytest.raises(SystemExit) as exit_info:
        cli(verb, recipe, *(option.format_map(places) for option in options))
    shown = capsys.readouterr().err
    message = shown[shown.index("error: ") :]
    assert exit_info.value.code == 2
    assert first.format_map(places) in message.splitlines()[0]
    assert anywhere.format_map(places) in message
    assert "Traceback" not in shown
    assert list((demo_folder / ".ltx-cache").glob("*/*/*.safetensors")) == encoded
    assert [file for file in files_below(tmp_path) if Path(file).name != "status.json"] == []


def test_a_newcomer_is_told_what_to_download_and_how(cli, capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--config", str(RECIPES / "style.yaml")])
    shown = capsys.readouterr().err
    assert shown.startswith("error: `model.base_model`: models/ltx-2.3-22b-dev.safetensors does not exist")
    assert "`model.text_encoder`: models/gemma-3-12b-it-qat-q4_0-unquantized" in shown
    assert "hf download Lightricks/LTX-2.3 ltx-2.3-22b-dev.safetensors --local-dir models" in shown
    assert "hf download google/gemma-3-12b-it-qat-q4_0-unquantized --local-dir models/" in shown
    assert "https://huggingface.co/google/gemma-3-12b-it-qat-q4_0-unquantized" in shown
    assert ("46 GB" in shown, "24 GB" in shown, "MODEL=pico" in shown) == (True, True, True)


@pytest.mark.parametrize(
    ("words", "first"),
    [(["fit"], "no recipe was given"), (["chek"], "invalid choice: 'chek'"), ([], "subcommand")],
)
def test_a_command_line_without_verb_or_recipe_says_what_is_missing(words, first, cli, capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(words)
    assert exit_info.value.code == 2
    assert first in capsys.readouterr().err.splitlines()[0]


def test_a_distilled_base_trains_when_allowed_and_samples_always(cli, places, tmp_path):
    base = f"--model.base_model={places['distilled']}"
    cli("fit", AV, *SHORT, every(6, "SaveLoRA"), base, "--model.allow_distilled=true")
    assert (tmp_path / "runs/audio_video-1/lora/step_000006.safetensors").is_file()
    cli("sample", AV, base, FAST, "--sample.steps=null", "--out=fast")
    assert len(files_below(tmp_path / "fast")) == 2


def test_a_name_that_is_taken_is_refused_and_the_run_stays(cli, tmp_path, capsys):
    cli("fit", AV, *SHORT, every(6, "SaveLoRA"), "--run=mine")
    before = {file: (tmp_path / file).read_bytes() for file in files_below(tmp_path)}
    with pytest.raises(SystemExit) as exit_info:
        cli("fit", AV, *SHORT, every(6, "SaveLoRA"), "--run=mine")
    assert exit_info.value.code == 2
    assert "`--run` is mine" in capsys.readouterr().err
    assert {file: (tmp_path / file).read_bytes() for file in files_below(tmp_path)} == before
