"""Samples beside training: their files never hold it up, and what fails is told."""

import json
import logging
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from callbacks import SampleVideos
from callbacks import sample_videos as module_under_test
from ltx_module.sample_config import SampleConfig, VideoSample


class Sampler:
    """A module whose samples are black, and which runs out of memory for some presets."""

    def __init__(self, config: SampleConfig, too_large: tuple[str, ...] = ()) -> None:
        self.sample_config, self.too_large, self.made = config, too_large, []
        self.streams, self.fps, self.preservation, self.execution = "video", 24.0, None, None
        self.gradient_checkpointing, self.device = False, torch.device("cpu")
        self.base_model = Path("assets/pico/ltx-2.3-pico.safetensors").resolve()

    def sample_requests(self):
        return self.sample_config.requests("", self.fps)

    def sample(self, request):
        self.made.append(request.preset)
        if request.preset in self.too_large:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 7.00 GiB.")
        frames = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
        return VideoSample(request=request, frames=frames, waveform=None, record={"preset": request.preset})


@pytest.fixture
def trainer(trainer):
    trainer.global_step, trainer.max_steps, trainer.loggers = 0, 10_000, []
    return trainer


def config(**changes) -> SampleConfig:
    return SampleConfig(**{"prompts": ("a red car",), "size": "64x64x9", "max_share": None, **changes})


def names(trainer, step: int) -> list[str]:
    return sorted(path.name for path in Path(trainer.default_root_dir, "samples", f"step_{step:06d}").iterdir())


def test_each_sample_says_which_preset_made_it(trainer, tmp_path):
    callback = SampleVideos(every_n_steps=10_000)
    module = Sampler(config(max_share=1.0, distilled_lora=tmp_path / "distilled.safetensors"))
    callback.on_train_start(trainer, module)
    callback.on_train_end(trainer, module)
    assert names(trainer, 0) == [
        f"01-a-red-car-{name}" for name in ("fast-seed42.json", "fast-seed42.mp4", "seed42.json", "seed42.mp4")
    ]
    folder = Path(trainer.default_root_dir, "samples/step_000000")
    assert json.loads((folder / "01-a-red-car-fast-seed42.json").read_text())["preset"] == "fast"
    assert json.loads((folder / "01-a-red-car-seed42.json").read_text())["preset"] == "quality"


def test_training_goes_on_while_a_file_is_written(trainer, monkeypatch):
    written = threading.Event()
    monkeypatch.setattr(module_under_test, "write_sample", lambda *_: written.wait(10))
    callback, module = SampleVideos(), Sampler(config())
    callback.on_train_start(trainer, module)  # returns though nothing is written yet
    written.set()
    callback.on_train_end(trainer, module)
    assert module.made == ["quality"]


def test_a_file_that_cannot_be_written_ends_the_run_at_the_latest_at_its_end(trainer, monkeypatch):
    def fail(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(module_under_test, "write_sample", fail)
    callback, module = SampleVideos(), Sampler(config())
    callback.on_train_start(trainer, module)
    with pytest.raises(OSError, match="No space left"):
        callback.on_train_end(trainer, module)


def test_a_preset_that_does_not_fit_is_left_out_with_a_warning_and_the_others_are_made(trainer, tmp_path, caplog):
    callback = SampleVideos(every_n_steps=10_000)
    settings = config(
        prompts=("a red car", "a blue boat"), max_share=1.0, distilled_lora=tmp_path / "distilled.safetensors"
    )
    module = Sampler(settings, too_large=("fast",))
    with caplog.at_level(logging.WARNING):
        callback.on_train_start(trainer, module)
    callback.on_train_end(trainer, module)
    assert module.made == ["quality", "quality", "fast"]  # the second `fast` is not tried
    assert [name for name in names(trainer, 0) if "fast" in name] == []
    assert "remove `sample.distilled_lora`" in caplog.text


def test_gradients_make_room_for_samples(trainer):
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.grad = torch.ones(2)
    trainer.optimizers = [torch.optim.SGD([parameter])]
    callback, module = SampleVideos(), Sampler(config())
    callback.on_train_start(trainer, module)
    callback.on_train_end(trainer, module)
    assert parameter.grad is None


def test_a_run_that_is_over_leaves_no_file_unwritten(trainer, monkeypatch):
    done = []
    monkeypatch.setattr(module_under_test, "write_sample", lambda *_: done.append(1))
    callback, module = SampleVideos(every_n_steps=5), Sampler(config())
    callback.on_train_start(trainer, module)
    for trainer.global_step in range(1, 11):
        callback.on_train_batch_end(trainer, module, {}, None, trainer.global_step - 1)
    callback.on_exception(trainer, module, SimpleNamespace())
    assert len(done) == 3  # steps 0, 5 and 10
