"""`python -m datamodules caption DATASET`: captions for clips by a model on this machine or behind an endpoint."""

import logging
from pathlib import Path

from jsonargparse.typing import PositiveFloat, PositiveInt

from datamodules.captioning.describe import Naming
from datamodules.captioning.endpoint import Endpoint
from datamodules.captioning.endpoint_address import parse_address, read_key
from datamodules.captioning.http_client import HttpClient
from datamodules.captioning.local_directory import Precision, check_model_directory
from datamodules.captioning.memory import Memory
from datamodules.captioning.plan import Overwrite, Plan, describe_counts, make_plan, settings_of
from datamodules.captioning.question import Asking, Captioner
from datamodules.captioning.session import Outcome, Session
from datamodules.captioning.store import CaptionStore, open_store
from datamodules.captioning.template import Kind, instruction

logger = logging.getLogger(__name__)

_RETRIES = 4


def caption(
    dataset: Path,
    *,
    model: str = "",
    endpoint: str = "",
    kind: Kind = "general",
    trigger: str = "",
    subject: str = "",
    template: Path | None = None,
    language: str = "English",
    sound: bool = False,
    frames: PositiveInt = 8,
    max_side: PositiveInt = 768,
    variants: PositiveInt = 1,
    overwrite: Overwrite = "none",
    only: str | None = None,
    out: Path | None = None,
    dry_run: bool = False,
    max_new_tokens: PositiveInt = 512,
    precision: Precision = "bf16",
    concurrency: PositiveInt = 4,
    timeout: PositiveFloat = 300.0,
    api_key_env: str | None = None,
) -> int:
    """Write captions for the clips of a dataset that have none.

    A caption that is there is never touched unless `overwrite` says so, and then a copy is kept in the hidden folder
    `.ltx-captions.backup`. Ctrl-C keeps what is done; the same command goes on from there.

    Args:
        dataset: A folder of clips, or a .csv, .json or .jsonl manifest.
        model: Directory of a vision-language model such as Qwen3-VL or Gemma 3; the model's name with `endpoint`.
        endpoint: Address of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1. The clips' pictures are
            sent there and nowhere else.
        kind: What the clips shall teach, which the captions leave unnamed.
        trigger: The recipe's trigger word, put in front of each caption.
        subject: What the trigger or the main subject is, such as woman, dog or car, for character and audio_video.
        template: A text file that asks for captions in place of the template of `kind`.
        language: In which to write.
        sound: Let the model hear the clips; only behind an endpoint that serves a hearing model.
        frames: Pictures shown of a clip.
        max_side: Pixels of the longer side of a picture at most.
        variants: Captions per clip: dance.txt, dance.2.txt and so on.
        overwrite: Which captions that are there to write anew: none, own (written by this tool and not edited since)
            or all.
        only: Caption only clips whose name matches this pattern, such as night/*.mp4.
        out: The captioned copy of a manifest, which is not edited itself.
        dry_run: Say what would be done and stop.
        max_new_tokens: Tokens of an answer at most; a model that thinks aloud needs some thousands.
        precision: How a model directory is loaded: bf16, int8 (half the memory) or nf4 (a third).
        concurrency: Questions to an endpoint at once.
        timeout: Seconds until an endpoint's answer counts as lost.
        api_key_env: Environment variable that holds the endpoint's key; LTX_CAPTION_API_KEY if it is not named.

    Returns:
        0 if all clips have their captions, 1 if some failed, 130 if it was cancelled.

    Raises:
        FileNotFoundError: If the dataset, the template or the model directory is missing.
        ValueError: If two options contradict each other, the directory holds no vision-language model, or the
            endpoint does not answer.
    """
    _check_options(model=model, endpoint=endpoint, sound=sound, api_key_env=api_key_env)
    text = instruction(kind, file=template, trigger=trigger, subject=subject, language=language)
    store = open_store(dataset, out=out, variants=variants)
    memory = Memory(dataset if dataset.is_dir() else (out or dataset).parent)
    asking = Asking(instruction=text, frames=frames, max_side=max_side, with_sound=sound)
    settings = settings_of(text, model, trigger, subject, frames, max_side, sound)
    plan = make_plan(store, memory, variants=variants, overwrite=overwrite, settings=settings, only=only)
    if not endpoint:
        check_model_directory(model)
    logger.info("%s: %s", dataset, describe_counts(plan, store.findings))
    if dry_run:
        return _say(store, plan, text)
    outcome = Outcome()
    if plan.wanted:
        captioner: Captioner
        if endpoint:
            client = HttpClient(parse_address(endpoint), key=read_key(api_key_env), timeout=timeout, retries=_RETRIES)
            if client.reveals_key:
                logger.warning("the key goes to %s unencrypted: use https if it can", client.address)
            remote = Endpoint(client, model=model, max_new_tokens=max_new_tokens, concurrency=concurrency)
            logger.info("asking %s at %s", remote.check(), client.address)
            captioner = remote
        else:
            from datamodules.captioning.local import LocalModel  # torch and transformers

            captioner = LocalModel(Path(model), precision=precision, max_new_tokens=max_new_tokens)
        naming = Naming(trigger=trigger, as_name=kind == "character", subject=subject)
        session = Session(
            store=store, memory=memory, captioner=captioner, asking=asking, naming=naming, settings=settings
        )
        outcome = session.run(plan.wanted)
    return _conclude(store, plan, outcome)


def _check_options(*, model: str, endpoint: str, sound: bool, api_key_env: str | None) -> None:
    """Refuse what contradicts itself, before anything is looked at."""
    if endpoint:
        parse_address(endpoint)
        read_key(api_key_env)
    elif not model:
        raise ValueError(
            "No model is given: `--model DIRECTORY` of a vision-language model such as Qwen3-VL or Gemma 3, or "
            "`--endpoint http://127.0.0.1:8000/v1` of a server."
        )
    elif sound:
        raise ValueError(
            "`--sound` needs `--endpoint`: a model directory is loaded to see only. Serve a hearing model, such as "
            "Qwen3-Omni with vLLM, and give its address."
        )
    elif api_key_env:
        raise ValueError("`--api_key_env` is for `--endpoint`: leave it out, a model directory needs no key.")


def _say(store: CaptionStore, plan: Plan, text: str) -> int:
    """The plan of a dry run."""
    logger.info("every clip would be asked:\n%s", text)
    for entry in plan.wanted:
        for number in entry.numbers:
            logger.info("%s: would be written", store.place(entry.source, number))
    for line in (*plan.kept, *store.findings):
        logger.info("%s", line)
    return 1 if store.findings else 0


def _conclude(store: CaptionStore, plan: Plan, outcome: Outcome) -> int:
    """Say what came of it."""
    failures = [*map(str, store.findings), *outcome.failures]
    planned = sum(len(entry.numbers) for entry in plan.wanted)
    if failures:
        logger.warning("%d failed:\n%s", len(failures), "\n".join(f"  {failure}" for failure in failures))
    state = "cancelled: " if outcome.is_cancelled else ""
    logger.info("%s%d of %d captions written, %d kept", state, outcome.written, planned, len(plan.kept))
    if outcome.is_cancelled:
        logger.info("the same command goes on from here")
        return 130
    return 1 if failures else 0
