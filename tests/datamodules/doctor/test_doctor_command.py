"""`python -m datamodules doctor`: what it takes, says, writes, remembers and refuses; without torch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from datamodules.__main__ import TOOLS, main
from datamodules.doctor.command import doctor
from datamodules.doctor.visit import examine_dataset
from datamodules.doctor.wanted import wanted_by
from datamodules.media.write import write_video
from tests.datamodules.doctor.drawn_sets import BUCKETS, PLANTED, TRIGGER

SHAPES = ",".join(BUCKETS)


def run(capsys, *words):
    code = main([str(word) for word in words])
    return code, *capsys.readouterr()


def test_help_names_every_tool(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert all(name in out for name in TOOLS)


@pytest.mark.parametrize("words", [[], ["docter", "set"]])
def test_an_unknown_tool_is_told_in_one_message(capsys, words):
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert "doctor, scenes, caption, references" in err


def test_the_tools_own_help_lists_its_options(capsys):
    code, out, _ = run(capsys, "doctor", "--help")
    assert code == 0
    assert all(
        option in out for option in ("--recipe", "--trigger", "--buckets", "--fps", "--json", "--fix", "dataset")
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "'nowhere', but there is nothing"),
        (["SET", "--recipe", "potrait"], "'potrait', but it is one of style, character"),
        (["SET", "--recipe", "gone.yaml"], "no such file"),
        (["SET", "--buckets", "100x96x33"], "multiple of 32"),
        (["SET", "--fps", "0"], "above 0"),
        (["SET", "--fix", "SET"], "not empty"),
        (["SET", "--buckets", "128x96x33", "--color"], "--color"),
        ([], "dataset"),
    ],
)
def test_bad_input_is_told_in_one_message_with_exit_code_2(capsys, clean, words, message):
    code, _, err = run(capsys, "doctor", *(clean if word == "SET" else word for word in words))
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_ltx_debug_keeps_the_traceback(monkeypatch):
    monkeypatch.setenv("LTX_DEBUG", "1")
    with pytest.raises(FileNotFoundError):
        main(["doctor", "nowhere"])


def test_a_clean_dataset_is_called_healthy_with_exit_code_0(capsys, clean):
    code, out, _ = run(capsys, "doctor", clean, "--recipe", "character", "--trigger", TRIGGER, "--buckets", SHAPES)
    assert code == 0
    assert out.splitlines()[-1] == "Healthy: ready to train."


def test_json_and_table_tell_the_same(capsys, faulty, tmp_path):
    words = ("--recipe", "character", "--trigger", TRIGGER, "--buckets", SHAPES, "--json", tmp_path / "out.json")
    code, out, _ = run(capsys, "doctor", faulty, *words)
    content = json.loads((tmp_path / "out.json").read_text())
    assert code == 1
    assert {finding["code"] for finding in content["findings"]} == set(PLANTED.values()) | {"many-clips"}
    assert all(finding["code"] in out and finding["severity"] in out for finding in content["findings"])
    assert all(finding["fix"] for finding in content["findings"])
    assert out.splitlines()[-1] == content["verdict"]
    assert sum(content["counts"].values()) == len(content["findings"])


def test_many_findings_of_one_kind_are_folded(clean, examine):
    text = examine(clean, trigger="", buckets=["512x384x33", "384x512x33", "512x384x1"]).text()
    assert "upscaled (21)" in text
    assert "and 17 more: " in text
    assert text.count("is enlarged") == 4


def test_files_are_read_once_until_they_change(few):
    folder = few(3)
    wanted = wanted_by(None)
    first = examine_dataset(folder, wanted)[1]
    again = examine_dataset(folder, wanted)[1]
    assert (first.num_read, again.num_read) == (3, 0)
    assert again.findings == first.findings
    os.utime(folder / "clean 00.mp4", ns=(1, 1))
    (folder / ".ltx-cache" / "doctor.json").read_text()
    assert examine_dataset(folder, wanted)[1].num_read == 1
    (folder / ".ltx-cache" / "doctor.json").write_text("{ damaged")
    assert examine_dataset(folder, wanted)[1].num_read == 3


def test_what_was_read_before_an_interruption_is_remembered(few):
    folder = few(6)

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        examine_dataset(folder, wanted_by(None), on_progress=interrupt)
    read = len(json.loads((folder / ".ltx-cache" / "doctor.json").read_text())["files"])
    assert read >= 1
    assert examine_dataset(folder, wanted_by(None))[1].num_read == 6 - read


@pytest.mark.parametrize(
    ("clips", "recipe", "code"),
    [(7, "style", "overfit-risk"), (7, None, "overfit-risk"), (8, None, None), (8, "motion", "few-clips")],
)
def test_the_number_of_clips_is_weighed_by_the_kind_of_recipe(few, examine, clips, recipe, code):
    report = examine(few(clips), recipe)
    assert [finding.code for finding in report.findings] == ([code] if code else [])


def test_a_recipe_file_gives_kind_trigger_shapes_and_needs(tmp_path):
    recipe = tmp_path / "ic_canny.yaml"
    recipe.write_text(
        """
model:
  streams: video
  text_encoder: models/gemma
  conditions:
    - class_path: ltx_module.diffusion.conditioning.Reference
    - class_path: ltx_module.diffusion.conditioning.Mask
      init_args: {modality: audio}
data:
  trigger: edges
  buckets: [128x96x33]
  fps: 25
  windows: uniform
  signals: [canny]
  text_window: 256
  sets:
    - {path: one, trigger: other}
"""
    )
    wanted = wanted_by(str(recipe))
    assert (wanted.kind, wanted.trigger, wanted.fps, wanted.takes_head) == ("ic", "edges", 25, False)
    assert ([str(bucket) for bucket in wanted.buckets], wanted.text_window) == (["128x96x33"], 256)
    assert (wanted.needs.video_reference, wanted.needs.audio_reference) == (True, False)
    assert (wanted.needs.video_mask, wanted.needs.audio_mask, wanted.trains_sound) == (False, True, False)
    assert wanted.trained(["canny", "depth"]) == {"canny"}
    assert wanted_by(str(recipe), Path("one")).trigger == "other"
    assert wanted_by(str(recipe), trigger="mine", fps=30).fps == 30


@pytest.mark.parametrize(("recipe", "severity"), [("character", "warning"), ("ic", "note")])
def test_captions_may_tell_little_where_references_tell_what_is_wanted(few, examine, recipe, severity):
    folder = few(3)
    for file in folder.glob("*.txt"):
        file.write_text("zorb, drawing")
    findings = {finding.code: finding.severity for finding in examine(folder, recipe).findings}
    assert findings["caption-short"] == findings["caption-repeated"] == severity


@pytest.mark.parametrize("recipe", sorted(Path("recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_is_understood(recipe):
    assert wanted_by(str(recipe)).buckets


def test_captions_are_counted_by_the_text_encoders_tokenizer_where_it_is(tmp_path, few):
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    (tmp_path / "encoder").mkdir()
    tokenizer.save(str(tmp_path / "encoder" / "tokenizer.json"))
    folder = few(8)
    (folder / "clean 00.txt").write_text("zorb a " + "b " * 299)
    recipe = tmp_path / "style.yaml"
    recipe.write_text(f"model: {{text_encoder: {tmp_path / 'encoder'}}}\ndata: {{trigger: zorb, text_window: 256}}")
    findings = examine_dataset(folder, wanted_by(str(recipe)))[1].findings
    long = [finding for finding in findings if finding.code == "caption-long"]
    assert [(finding.name, finding.message) for finding in long] == [
        ("clean 00.mp4", "its caption has 301 tokens, but 256 are read")
    ]


def test_no_torch_is_imported(faulty, tmp_path):
    script = (
        "import sys; from datamodules.__main__ import main\n"
        f"main(['doctor', {str(faulty)!r}, '--recipe', 'style', '--fix', {str(tmp_path / 'copy')!r}])\n"
        "import datamodules.windows.clip_windows, datamodules.windows.buckets\n"
        "print([name for name in ('torch', 'lightning', 'transformers', 'cv2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_doctor_returns_1_for_warnings_alone(few):
    assert doctor(few(3)) == 1


def test_a_recipe_is_known_by_its_name(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[3])
    assert wanted_by("ic_canny") == wanted_by("recipes/ic_canny.yaml")
    assert wanted_by("ic_canny").needs.video_reference


def test_stillness_that_a_reference_decides_is_no_fault(tmp_path, capsys):
    for folder in (tmp_path, tmp_path / "references" / "canny"):
        folder.mkdir(parents=True, exist_ok=True)
        write_video(folder / "still.mp4", torch.full((33, 3, 96, 128), 90, dtype=torch.uint8), 24.0)
    (tmp_path / "still.txt").write_text("a grey wall in a room without windows", encoding="utf-8")
    _, out, _ = run(capsys, "doctor", tmp_path, "--recipe", "ic", "--buckets", "[128x96x33]")
    assert "note     frozen-clip" in out
    (tmp_path / "references" / "canny" / "still.mp4").unlink()
    _, out, _ = run(capsys, "doctor", tmp_path, "--buckets", "[128x96x33]")
    assert "warning  frozen-clip" in out
