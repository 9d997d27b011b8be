"""An evaluation in TensorBoard: each checkpoint's scores at its step, and the verdict in words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ltx_module.metrics_log import EventLog


def log_evaluation(run: Path, content: Mapping[str, Any]) -> None:
    """Add an evaluation to the run's events; checkpoints without a step stand at step 0.

    Args:
        run: The run's directory.
        content: What evaluation.json holds.
    """
    log = EventLog(run, name="", version="", default_hp_metric=False)
    for checkpoint in sorted(content["checkpoints"], key=lambda checkpoint: checkpoint["step"] or 0):
        numbers = {**checkpoint["scores"], "score": checkpoint["score"]}
        values = {f"evaluate/{name}": value for name, value in numbers.items() if value is not None}
        log.log_metrics(values, (checkpoint["step"] or 0) - 1)  # loggers count from 0
        for strength, scores in checkpoint["by_strength"].items():
            if len(checkpoint["by_strength"]) > 1 and scores.get("adoption") is not None:
                name = f"evaluate_strength/{checkpoint['name']}_adoption"
                log.experiment.add_scalar(name, scores["adoption"], round(100 * float(strength)))
    verdict = content["verdict"]
    texts = [
        verdict["summary"],
        *(f"**{item['fault']}** {item['text']} {item['remedy']}" for item in verdict["findings"]),
    ]
    log.experiment.add_text("evaluate/verdict", "\n\n".join(texts))
    log.save()
    log.finalize("success")
