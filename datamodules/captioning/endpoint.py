"""Captions from an OpenAI-compatible endpoint: vLLM, llama.cpp, Ollama or a hosted one."""

import base64
import io
import logging
from typing import Any

from PIL import Image

from datamodules.captioning.http_client import HttpClient, Response
from datamodules.captioning.question import Answer, CaptionerDownError, Question

logger = logging.getLogger(__name__)

_JPEG_QUALITY = 90
_NEW_LIMIT = "max_completion_tokens"  # what OpenAI's newer models call `max_tokens`
_FAULTS_IN_A_ROW = 3  # clips; then the fault is held to be the endpoint's


class Endpoint:
    """A model behind an OpenAI-compatible interface.

    Args:
        client: The connection to it.
        model: The model's name; empty for the only one that it lists.
        max_new_tokens: Tokens of an answer, thoughts included.
        concurrency: Questions that may be under way at once.
    """

    def __init__(self, client: HttpClient, *, model: str, max_new_tokens: int, concurrency: int) -> None:
        self.concurrency = concurrency
        self._client, self._model, self._max_new_tokens = client, model, max_new_tokens
        self._limit = "max_tokens"
        self._faults = 0

    def check(self) -> str:
        """Ask what it serves, so that a wrong address or key is known before a clip is looked at.

        Returns:
            The model's name.

        Raises:
            CaptionerDownError: If it does not answer or refuses the key, or lists other than one model and none was
                named.
        """
        try:
            response = self._client.request("GET", "/models")
        except OSError as error:
            raise CaptionerDownError(f"`--endpoint` {self._client.address} does not answer: {error}.") from error
        self._require_access(response)
        if response.status >= 500:
            raise CaptionerDownError(
                f"`--endpoint` {self._client.address} answers {response.status} ({self._said(response)}): see its log."
            )
        names = _names(response)
        if not self._model:
            if len(names) != 1:
                listed = f"lists {', '.join(names)}" if names else "does not list its models"
                raise CaptionerDownError(f"`--endpoint` {self._client.address} {listed}: choose one with `--model`.")
            self._model = names[0]
        elif names and self._model not in names:
            logger.info("the endpoint lists %s, not %s, which it is asked for", ", ".join(names), self._model)
        return self._model

    def answer(self, question: Question) -> Answer:
        """Send the pictures, the sound and the text of a question.

        Raises:
            ValueError: If the endpoint refuses this question or answers with what is no caption.
            CaptionerDownError: If it refuses the key or the model, cannot be reached any more, or failed for several
                clips in a row.
        """
        try:
            answer = self._answer(question)
        except CaptionerDownError:
            raise
        except (ValueError, OSError) as error:
            self._faults += 1
            if self._faults >= _FAULTS_IN_A_ROW:
                raise CaptionerDownError(f"{_FAULTS_IN_A_ROW} clips failed in a row, the last one: {error}") from error
            raise ValueError(str(error)) from error
        self._faults = 0
        return answer

    def close(self) -> None:
        """Breaks off the questions under way."""
        self._client.close()

    def _answer(self, question: Question) -> Answer:
        response = self._client.request("POST", "/chat/completions", self._body(question))
        if response.status in (400, 422) and self._limit != _NEW_LIMIT and _NEW_LIMIT in _message(response):
            self._limit = _NEW_LIMIT
            response = self._client.request("POST", "/chat/completions", self._body(question))
        self._require_access(response)
        if response.status == 404:
            raise CaptionerDownError(
                f"`--endpoint` {self._client.address} answers 404 for the model {self._model!r} "
                f"({self._said(response)}): correct `--model` or the address, which mostly ends in /v1."
            )
        if response.status != 200:
            raise ValueError(f"the endpoint answers {response.status} ({self._said(response)}){_way_out(response)}")
        return _answer_in(response)

    def _body(self, question: Question) -> dict[str, object]:
        content: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": _data_url(picture.image)}} for picture in question.pictures
        ]
        if question.wav is not None:
            data = base64.b64encode(question.wav).decode("ascii")
            content.append({"type": "input_audio", "input_audio": {"data": data, "format": "wav"}})
        content.append({"type": "text", "text": question.text})
        messages = [{"role": "user", "content": content}]
        return {"model": self._model, "messages": messages, self._limit: self._max_new_tokens, "stream": False}

    def _require_access(self, response: Response) -> None:
        if response.status in (401, 403):
            raise CaptionerDownError(
                f"`--endpoint` {self._client.address} answers {response.status} ({self._said(response)}): put its key "
                "into the environment variable that `--api_key_env` names."
            )
        if 300 <= response.status < 400:
            raise CaptionerDownError(
                f"`--endpoint` {self._client.address} sends us to {response.location or 'another address'}, which is "
                "not followed: give the final address."
            )

    def _said(self, response: Response) -> str:
        text = " ".join(self._client.hide_key(_message(response)).split())
        return text if len(text) <= 300 else text[:297] + "..."


def _data_url(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _names(response: Response) -> list[str]:
    content = response.content
    entries = content.get("data") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        return []
    return [str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry]


def _message(response: Response) -> str:
    """What the endpoint says about an error, in whatever form."""
    content: Any = response.content
    for name in ("error", "message", "detail"):
        if isinstance(content, dict) and name in content:
            content = content[name]
    return str(content) if content is not None else response.body[:1000].decode("utf-8", "replace") or "no reason given"


def _way_out(response: Response) -> str:
    said = _message(response).casefold()
    if "audio" in said:
        return ": a model that does not hear takes no `--sound`"
    if response.status == 413 or any(word in said for word in ("image", "context", "too long", "too large")):
        return ": lower `--frames` or `--max_side`, and see that the model reads pictures"
    return ""


def _answer_in(response: Response) -> Answer:
    content: Any = response.content
    try:
        choice = content["choices"][0]
        message = choice["message"]
        text = message.get("content")
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise ValueError("the endpoint answers with something that is no chat completion: see its log") from error
    if isinstance(text, list):
        text = "".join(part.get("text", "") for part in text if isinstance(part, dict))
    if not isinstance(text, str):
        text = ""
    if not text and isinstance(message.get("refusal"), str):
        text = message["refusal"]
    return Answer(text=text, is_cut=choice.get("finish_reason") == "length")
