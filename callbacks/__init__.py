"""Callbacks of a run: one class a file, each with one period, named in recipes as `callbacks.<Class>`."""

from callbacks.adapter_ema import AdapterEMA
from callbacks.adapter_health import AdapterHealth
from callbacks.drop_captions import DropCaptions
from callbacks.export_comfyui import ExportComfyUI
from callbacks.loss_by_sigma import LossBySigma
from callbacks.memory_guard import MemoryGuard
from callbacks.run_progress import RunProgress
from callbacks.sample_videos import SampleVideos
from callbacks.save_lora import SaveLoRA
from callbacks.save_resume_state import SaveResumeState
from callbacks.stop_on_nan import StopOnNaN
from callbacks.stop_on_signal import StopOnSignal
from callbacks.suggest_stop import SuggestStop
from callbacks.watch_control import WatchControl
from callbacks.write_status import WriteStatus

__all__ = [
    "AdapterEMA",
    "AdapterHealth",
    "DropCaptions",
    "ExportComfyUI",
    "LossBySigma",
    "MemoryGuard",
    "RunProgress",
    "SampleVideos",
    "SaveLoRA",
    "SaveResumeState",
    "StopOnNaN",
    "StopOnSignal",
    "SuggestStop",
    "WatchControl",
    "WriteStatus",
]
