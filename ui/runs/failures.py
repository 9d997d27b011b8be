"""Why a command failed, in words, and what to do about it.

In this order: what the program itself says (`error: ...`, `way out: ...`, or the error in a run's status.json), a
catalogue of what other programs write into a log, the exit code, and the last lines of the log.
"""

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass

_LAST_LINES = 6
_LONGEST_TEXT = 1500


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What went wrong."""

    text: str
    """The cause."""
    fix: str
    """What to do; empty where nothing is known."""


@dataclass(frozen=True, kw_only=True)
class Sign:
    """What a known failure looks like in a log."""

    pattern: str
    """Regular expression, upper and lower case alike."""
    text: str
    """The cause in words."""
    fix: str
    """The way out."""


_RESUME = "What was saved is whole: Resume goes on from there."
CATALOGUE: tuple[Sign, ...] = (
    Sign(
        pattern=r"CUDA out of memory|OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED",
        text="The GPU's memory is full.",
        fix="Choose the size of your card, or Automatic, under Memory on the Recipe page; or use a smaller bucket"
        " (`data.buckets`) or `data.batch_size`, or stop other programs on the GPU. If it happened while sampling, make"
        " `sample.size` smaller.",
    ),
    Sign(
        pattern=r"No space left on device|Errno 28|Disk quota exceeded",
        text="The disk is full.",
        fix="Free some space, keep fewer LoRA files (`SaveLoRA.keep_last`), or set `data.cache_dir` to another disk."
        f" {_RESUME}",
    ),
    Sign(
        pattern=r"unable to mmap|Bus error|bus error|shared memory \(shm\)",
        text="The shared memory of the machine or container is full.",
        fix="Set `data.num_workers: 0`, or start the container with more shared memory (`--shm-size 8g`).",
    ),
    Sign(
        pattern=r"Cannot allocate memory|std::bad_alloc|^MemoryError|DefaultCPUAllocator",
        text="The machine's main memory is full.",
        fix="Close other programs, lower `data.num_workers`, or take a machine with more memory.",
    ),
    Sign(
        pattern=r"GatedRepoError|gated repo|401 Client Error|403 Client Error|Access to model .* is restricted",
        text="Hugging Face refuses the download: the model's licence has not been accepted, or nobody is logged in.",
        fix="Accept the licence on the model's page (Gemma has one), run `hf auth login`, then download again.",
    ),
    Sign(
        pattern=r"loss of step \d+ is (nan|-?inf)|numbers that are not finite|NotFiniteError",
        text="The loss became infinite or not a number, so the run was stopped before anything broken was saved.",
        fix="Resume with a lower learning rate (`model.optimizer.init_args.lr`), or look at the clips that it names.",
    ),
    Sign(
        pattern=r"driver version is insufficient|driver on your system is too old|forward compatibility was attempted"
        r"|no kernel image is available|Driver/library version mismatch",
        text="The NVIDIA driver does not fit this PyTorch, or this GPU is too old for it.",
        fix="Update the NVIDIA driver and restart the machine; `nvidia-smi` shows the version that it supports.",
    ),
    Sign(
        pattern=r"No CUDA GPUs are available|Torch not compiled with CUDA|MisconfigurationException: No supported gpu"
        r"|No supported gpu backend|invalid device ordinal|CUDA unknown error",
        text="No usable NVIDIA GPU was found.",
        fix="Look at `nvidia-smi`; install the CUDA build of PyTorch; or train pico on the CPU (overlay `pico`).",
    ),
    Sign(
        pattern=r"NCCL (error|WARN|timeout)|ncclUnhandledCudaError|Watchdog caught collective operation timeout",
        text="The GPUs lost each other: one process of the training ended or hung.",
        fix=f"Look further up in the log for the first error. {_RESUME}",
    ),
    Sign(
        pattern=r"CUDA error|CUBLAS_STATUS|cuDNN error|device-side assert",
        text="The GPU reported an error.",
        fix=f"Resume once; if it comes back, restart the machine and look at `nvidia-smi` for faults. {_RESUME}",
    ),
    Sign(
        pattern=r"DataLoader worker .* (is killed|exited unexpectedly)",
        text="A process that loads the data was ended, mostly for want of main memory.",
        fix="Set `data.num_workers: 0` or fewer, then resume.",
    ),
    Sign(
        pattern=r"Address already in use|EADDRINUSE",
        text="The port over which the processes of a training talk is taken.",
        fix="Wait a minute and start again; another training may just have ended.",
    ),
    Sign(
        pattern=r"Permission denied|Errno 13|Read-only file system",
        text="A file or folder may not be written.",
        fix="Look at the path in the log, and give this user the right to write there.",
    ),
    Sign(
        pattern=r"ModuleNotFoundError|ImportError",
        text="A Python package is missing.",
        fix="Run `make setup` in the repository, then start again.",
    ),
    Sign(
        pattern=r"FileNotFoundError|No such file or directory",
        text="A file that the recipe names is not there.",
        fix="Check the paths in the recipe: `model.base_model`, `model.text_encoder`, `data.path`. The README says"
        " where the models come from.",
    ),
)
_SIGNALS: dict[int, Failure] = {
    signal.SIGKILL: Failure(
        text="The process was killed from outside (signal 9), mostly by the system for want of main memory.",
        fix=f"Close other programs, lower `data.num_workers`, or take a machine with more memory. {_RESUME}",
    ),
    signal.SIGTERM: Failure(
        text="The process was asked to end from outside (SIGTERM), as at a shutdown.", fix=f"Start it again. {_RESUME}"
    ),
    signal.SIGINT: Failure(text="The process was interrupted (Ctrl-C).", fix=f"Start it again. {_RESUME}"),
    signal.SIGHUP: Failure(text="The process was ended with its session (SIGHUP).", fix=f"Start it again. {_RESUME}"),
    signal.SIGSEGV: Failure(
        text="The process crashed (segmentation fault).",
        fix=f"Start it again; if it comes back, run `make setup` anew and look at the GPU's driver. {_RESUME}",
    ),
    signal.SIGBUS: Failure(text=CATALOGUE[2].text, fix=CATALOGUE[2].fix),
    signal.SIGABRT: Failure(
        text="The process aborted.", fix=f"The last lines of the log say where. Start it again. {_RESUME}"
    ),
}
LOST = Failure(
    text="The process vanished without a trace: the machine was restarted, or everything was killed at once.",
    fix=f"Start it again. {_RESUME}",
)
"""Of a job whose supervisor is gone."""

_OURS = re.compile(r"^error: (?P<text>.+?)(?=^way out: |^LTX_DEBUG=1|\Z)", re.MULTILINE | re.DOTALL)
_WAY_OUT = re.compile(r"^way out: (?P<fix>.+?)(?=^LTX_DEBUG=1|^error: |\Z)", re.MULTILINE | re.DOTALL)
_HINT = re.compile(r"`python -m ltx_module \w+ --help` lists the keys")


def explain(log: str, exit_code: int | None) -> Failure:
    """The cause of a failed command.

    Args:
        log: The end of what it printed.
        exit_code: Its exit code; negative for a signal, None where it is not known.
    """
    own = _own_words(log)
    if own is not None:
        return own
    sign = _sign_in(log)
    if sign is not None:
        evidence = _evidence(log, sign)
        text = sign.text if not evidence else f"{sign.text} ({evidence})"
        return Failure(text=text, fix=sign.fix)
    if exit_code is None:
        return LOST
    number = -exit_code if exit_code < 0 else exit_code - 128
    if number in _SIGNALS:
        return _SIGNALS[number]
    last = "\n".join([line for line in log.splitlines() if line.strip()][-_LAST_LINES:])
    fix = "The log has the rest. `LTX_DEBUG=1` before the command shows where an error came from."
    return Failure(text=_short(last) or f"The command ended with code {exit_code} and said nothing.", fix=fix)


def from_status(status: Mapping[str, object]) -> Failure | None:
    """The error that a run's status.json holds; None where it holds none."""
    error = status.get("error")
    if not isinstance(error, Mapping) or not error.get("text"):
        return None
    return _with_fix(str(error["text"]), str(error.get("fix") or ""))


def _own_words(log: str) -> Failure | None:
    """The last `error: ...` of the log with its `way out: ...`."""
    found = list(_OURS.finditer(log))
    if not found:
        return None
    last = found[-1]
    way = _WAY_OUT.match(log, last.end())
    return _with_fix(last["text"].strip(), way["fix"].strip() if way else "")


def _with_fix(text: str, fix: str) -> Failure:
    """An error with its own fix, or the catalogue's where it has none.

    A message of ours mostly ends in its way out, so nothing general is added to one that is not in the catalogue.
    """
    sign = _sign_in(text)
    if not fix and sign is not None:
        text = text if sign.text in text else f"{sign.text} ({_short(text)})"
        fix = sign.fix
    return Failure(text=_short(text), fix=_HINT.sub("The recipes on the Recipe page show the keys", fix))


def _sign_in(text: str) -> Sign | None:
    """The first entry of the catalogue that a text shows."""
    return next((sign for sign in CATALOGUE if re.search(sign.pattern, text, re.IGNORECASE | re.MULTILINE)), None)


def _evidence(log: str, sign: Sign) -> str:
    """The last line that shows a sign."""
    lines = [line.strip() for line in log.splitlines() if re.search(sign.pattern, line, re.IGNORECASE)]
    return lines[-1][:300] if lines else ""


def _short(text: str) -> str:
    """A text of bounded length; its end says what happened."""
    return text if len(text) <= _LONGEST_TEXT else "... " + text[-_LONGEST_TEXT:]
