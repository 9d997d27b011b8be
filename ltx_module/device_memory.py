"""How much memory of a device may be used for a moment."""

import math

import torch


def free_bytes(device: torch.device, peak: int | None) -> float:
    """Bytes that may be taken for a moment; infinite on a CPU.

    Args:
        device: Which.
        peak: What this process will take at another time, so that work beside it never takes more than that, or than
            has been taken before; None is all that is free.
    """
    if device.type != "cuda":
        return math.inf
    held = torch.cuda.memory_allocated(device)
    if peak is not None:
        return float(max(peak, torch.cuda.max_memory_allocated(device)) - held)
    return float(torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device) - held)
