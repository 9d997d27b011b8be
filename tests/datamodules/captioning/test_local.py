import json
import shutil
import socket

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer
from transformers.models.auto.image_processing_auto import AutoImageProcessor

from datamodules.captioning.command import caption
from datamodules.captioning.local import LocalModel
from datamodules.captioning.local_inputs import GridInputs, load_inputs
from datamodules.captioning.memory import BACKUP_NAME
from datamodules.captioning.pictures import Picture
from datamodules.captioning.question import Asking, CaptionerDownError, Question, Source
from tests.datamodules.captioning.tiny_models import FAMILIES, QWEN_TEMPLATE, write_tiny_model

_CAPTIONS = {
    "dance": "A bright shape glides over a dark ground from left to right.",
    "silent": "Some other thing grows in the middle of an even plane.",
}


def _no_network(*_):
    raise AssertionError("a model on this machine asked another one")


def _pictures(number=3):
    noise = np.random.default_rng(0).integers(0, 256, (number, 60, 90, 3), dtype=np.uint8)
    return [Image.fromarray(picture) for picture in noise]


def _question(number=3):
    pictures = tuple(Picture(image=image, seconds=float(index)) for index, image in enumerate(_pictures(number)))
    return Question(text="What is there?", pictures=pictures)


@pytest.fixture(scope="module")
def directories(tmp_path_factory):
    """A tiny model of each family."""
    root = tmp_path_factory.mktemp("models")
    return {family: write_tiny_model(root / family, family) for family in FAMILIES}


@pytest.fixture(scope="module")
def taught(tmp_path_factory, _drawn):
    """A Qwen3-VL that has learnt the captions of two clips, told apart by their pictures alone."""
    words = sorted({f" {word}" for text in _CAPTIONS.values() for word in text.split()})
    directory = write_tiny_model(tmp_path_factory.mktemp("taught") / "model", "qwen3", words)
    model = transformers.AutoModelForImageTextToText.from_pretrained(directory, dtype=torch.float32)
    inputs = load_inputs(directory, model.config)
    lessons = []
    for name, text in _CAPTIONS.items():
        asking = Asking(instruction="Describe.", frames=2, max_side=64, with_sound=False)
        question = asking.question(Source(name=name, media=_drawn / f"{name}.mp4", kind="video"))
        given = inputs(question.text, [picture.image for picture in question.pictures])
        answer = torch.tensor([[*inputs.tokenizer(text)["input_ids"], inputs.tokenizer.eos_token_id]])
        lesson = dict(given)
        lesson["labels"] = torch.cat([torch.full_like(given["input_ids"], -100), answer], 1)
        for name_, filling in (("input_ids", answer), ("attention_mask", torch.ones_like(answer))):
            lesson[name_] = torch.cat([given[name_], filling], 1)
        lesson["mm_token_type_ids"] = torch.cat([given["mm_token_type_ids"], torch.zeros_like(answer).int()], 1)
        lessons.append(lesson)
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(400):
        losses = [model(**lesson).loss for lesson in lessons]
        optimizer.zero_grad()
        sum(losses).backward()
        optimizer.step()
        if max(losses) < 0.02:
            break
    model.save_pretrained(directory)
    return directory


def test_a_model_directory_captions_clips_from_beginning_to_end(taught, clips, tmp_path, monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", _no_network)
    template = tmp_path / "ask.txt"
    template.write_text("Describe.")
    options = {"model": str(taught), "template": template, "frames": 2, "max_side": 64}
    assert caption(clips, **options, only="dance.mp4") == 0
    assert caption(clips, **options, only="silent.mp4", trigger="zxq", kind="style") == 0
    assert (clips / "dance.txt").read_text() == f"{_CAPTIONS['dance']}\n"
    assert (clips / "silent.txt").read_text() == f"zxq, some{_CAPTIONS['silent'][4:]}\n"
    before = (clips / "dance.txt").stat().st_mtime_ns
    assert caption(clips, **options, only="dance.mp4", overwrite="all") == 0
    assert (clips / "dance.txt").stat().st_mtime_ns == before  # asked with the same settings before
    assert not (clips / BACKUP_NAME).exists()


def test_gibberish_is_reported_and_not_written(directories, clips, caplog):
    assert caption(clips, model=str(directories["qwen2_5"]), only="dance.mp4", max_new_tokens=4, max_side=40) == 1
    assert not (clips / "dance.txt").exists()
    assert "dance.mp4: the answer" in caplog.text


@pytest.mark.parametrize("precision", ["bf16", "int8", "nf4"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_answers_at_every_precision(directories, family, precision):
    model = LocalModel(directories[family], precision=precision, max_new_tokens=3, device="cpu")
    answer = model.answer(_question())
    assert answer == model.answer(_question())
    assert answer.is_cut
    quantised = {name for name, tensor in model._model.named_parameters() if tensor.dtype in (torch.int8, torch.uint8)}
    expected = 0 if precision == "bf16" else 2 * 7  # of two layers: q, k, v, o, gate, up, down
    assert len(quantised) == expected
    assert all("language_model" in name for name in quantised)


def test_a_closed_model_stops_after_its_next_token(directories):
    model = LocalModel(directories["qwen3"], max_new_tokens=200, device="cpu")
    passes = []
    model._model.register_forward_hook(lambda *_: passes.append(1))
    model.close()
    with pytest.raises(CaptionerDownError, match="cancelled"):
        model.answer(_question())
    assert len(passes) == 1


@pytest.mark.parametrize(("family", "name"), [("qwen2_5", "Qwen2_5_VLProcessor"), ("qwen3", "Qwen3VLProcessor")])
def test_inputs_equal_those_of_the_official_processor(directories, family, name):
    directory = directories[family]

    class WithoutVideo(getattr(transformers, name)):
        """The official one asks for a video processor, which needs torchvision and is not used for pictures."""

        def check_argument_for_proper_class(self, argument_name, argument):
            return type(argument)

    tokenizer = AutoTokenizer.from_pretrained(directory)
    official = WithoutVideo(
        image_processor=AutoImageProcessor.from_pretrained(directory, backend="pil"),
        tokenizer=tokenizer,
        video_processor=None,
        chat_template=tokenizer.chat_template,
    )
    content = [{"type": "image"}] * 3 + [{"type": "text", "text": "What is there?"}]
    chat = tokenizer.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
    )
    expected = official(text=[chat], images=_pictures(), return_tensors="pt")
    config = transformers.AutoConfig.from_pretrained(directory)
    ours = load_inputs(directory, config)("What is there?", _pictures())
    assert ours.keys() == expected.keys()
    for key, tensor in ours.items():
        assert torch.equal(tensor, torch.as_tensor(expected[key])), key


@pytest.mark.parametrize("family", FAMILIES)
def test_the_order_of_the_pictures_reaches_the_model(directories, family):
    model = LocalModel(directories[family], max_new_tokens=1, device="cpu")
    model._model.float()  # or what so small a model makes of it is rounded away
    images = _pictures()

    def logits(order):
        inputs = model._inputs("What?", [images[index] for index in order])
        with torch.inference_mode():
            return model._model(**{name: model._placed(tensor) for name, tensor in inputs.items()}).logits[0, -1]

    assert not torch.equal(logits([0, 1, 2]), logits([2, 1, 0]))
    assert torch.equal(logits([0, 1, 2]), logits([0, 1, 2]))


def test_text_that_looks_like_a_picture_token_is_no_picture(directories):
    config = transformers.AutoConfig.from_pretrained(directories["qwen3"])
    inputs = load_inputs(directories["qwen3"], config)
    assert torch.equal(
        inputs("What<|image_pad|>?", _pictures())["input_ids"], inputs("What?", _pictures())["input_ids"]
    )


def test_older_directories_keep_the_chat_template_in_a_file_of_its_own(directories, tmp_path):
    directory = shutil.copytree(directories["qwen3"], tmp_path / "old")
    (directory / "chat_template.jinja").unlink()
    with pytest.raises(ValueError, match="no chat template"):
        LocalModel(directory, device="cpu")
    (directory / "chat_template.json").write_text(json.dumps({"chat_template": QWEN_TEMPLATE}))
    assert isinstance(LocalModel(directory, device="cpu")._inputs, GridInputs)


def test_older_gemma_directories_name_the_picture_processor_in_a_file_of_its_own(directories, tmp_path):
    directory = shutil.copytree(directories["gemma3"], tmp_path / "old")
    file = directory / "processor_config.json"
    content = json.loads(file.read_text())
    (directory / "preprocessor_config.json").write_text(json.dumps(content.pop("image_processor")))
    file.write_text(json.dumps(content))
    old, new = (LocalModel(path, max_new_tokens=3, device="cpu") for path in (directory, directories["gemma3"]))
    assert old.answer(_question()) == new.answer(_question())


@pytest.fixture
def broken(directories, tmp_path):
    return shutil.copytree(directories["qwen3"], tmp_path / "model")


def _files(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def _refused(clips, directory, error, message):
    before = _files(clips)
    with pytest.raises(error, match=message):
        caption(clips, model=str(directory))
    assert _files(clips) == before


def test_a_missing_directory_is_refused(clips, tmp_path):
    _refused(clips, tmp_path / "no", FileNotFoundError, "does not exist; it must be a directory")


def test_a_name_of_a_hub_is_refused(clips):
    _refused(clips, "Qwen/Qwen3-VL-8B-Instruct", FileNotFoundError, "does not exist.*hf download")


def test_a_file_is_refused(clips, broken):
    _refused(clips, broken / "model.safetensors", FileNotFoundError, "is a file; it must be a directory")


def test_a_language_model_is_refused(clips, broken):
    (broken / "config.json").write_text(json.dumps({"model_type": "qwen3", "hidden_size": 8}))
    _refused(clips, broken, ValueError, r"a model of the type 'qwen3', which has no `vision_config`")


def test_a_model_that_reads_pictures_and_writes_no_text_is_refused(clips, broken):
    config = {"model_type": "clip", "vision_config": {}, "text_config": {}}
    (broken / "config.json").write_text(json.dumps(config))
    _refused(clips, broken, ValueError, "cannot be loaded as a vision-language model")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("config.json", "has no config.json"),
        ("preprocessor_config.json", "has no picture processor"),
        ("tokenizer.json", "has no tokenizer"),
        ("model.safetensors", "has no .safetensors weights"),
    ],
)
def test_an_incomplete_directory_is_refused(clips, broken, name, message):
    (broken / name).unlink()
    _refused(clips, broken, ValueError, message)


def test_a_damaged_config_is_refused(clips, broken):
    (broken / "config.json").write_text("{")
    _refused(clips, broken, ValueError, "is not valid JSON")


def test_missing_shards_are_named(clips, broken):
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (broken / "model.safetensors.index.json").write_text(json.dumps(index))
    (broken / "model.safetensors").rename(broken / "model-1.safetensors")
    _refused(clips, broken, ValueError, r"lacks 1 of 2 weight files, such as model-2\.safetensors")


def test_truncated_weights_are_refused(clips, broken):
    file = broken / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    _refused(clips, broken, ValueError, "cannot be loaded as a vision-language model")


def test_weights_that_are_missing_are_refused_and_not_made_up(clips, broken):
    file = broken / "model.safetensors"
    tensors = load_file(file)
    del tensors["model.language_model.layers.1.mlp.down_proj.weight"]
    save_file(tensors, file, metadata={"format": "pt"})
    _refused(clips, broken, ValueError, r"lacks 1 weights, such as .*layers\.1\.mlp\.down_proj\.weight")
