import base64
import io
import json
import wave

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.captioning.endpoint_address import parse_address, read_key
from datamodules.captioning.http_client import HttpClient
from datamodules.media.write import write_video
from tests.datamodules.captioning.fake_endpoint import CAPTION, Reply


def _pictures(endpoint, number=0):
    urls = [part["url"] for part in endpoint.parts("image_url", number)]
    assert all(url.startswith("data:image/jpeg;base64,") for url in urls)
    return [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]


def test_a_question_holds_the_pictures_in_order_and_then_the_text(run, clips, endpoint):
    assert run(clips, only="dance.mp4", frames=5) == 0
    request = endpoint.requests[0]
    (message,) = request["messages"]
    assert message["role"] == "user"
    assert [part["type"] for part in message["content"]] == ["image_url"] * 5 + ["text"]
    assert request["model"] == "tiny-vl"
    assert request["max_tokens"] == 512
    assert request["stream"] is False
    assert endpoint.paths == ["/v1/models", "/v1/chat/completions"]
    assert (
        "The 5 pictures come from one video clip of 1.0 seconds, in order, at 0.1, 0.3, 0.5, 0.7, 0.9 seconds."
        in (endpoint.texts()[0])
    )


def test_pictures_are_scaled_down_to_the_longer_side_and_never_up(run, clips, endpoint):
    run(clips, only="dance.mp4", max_side=40)
    run(clips, only="silent.mp4", max_side=500)
    assert {picture.size for picture in _pictures(endpoint)} == {(40, 30)}
    assert {picture.size for picture in _pictures(endpoint, 1)} == {(64, 48)}


def test_the_sound_is_sent_as_wav_when_asked_for(run, clips, endpoint):
    run(clips, only="dance.mp4", sound=True)
    (part,) = endpoint.parts("input_audio")
    assert part["format"] == "wav"
    with wave.open(io.BytesIO(base64.b64decode(part["data"]))) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16000, 1, 2)
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    assert abs(len(samples) / 16000 - 1.0) < 0.1
    spectrum = np.abs(np.fft.rfft(samples[2000:14000]))
    assert abs(spectrum.argmax() * 16000 / 12000 - 440) < 2  # the tone that was drawn
    assert "Its sound is attached" in endpoint.texts()[0]


@pytest.mark.parametrize("name", ["silent.mp4", "still.png"])
def test_a_clip_without_sound_is_asked_about_by_its_pictures_alone(run, clips, endpoint, name):
    assert run(clips, only=name, sound=True) == 0
    assert endpoint.parts("input_audio") == []
    assert "no sound" in endpoint.texts()[0] or "do not mention sound" in endpoint.texts()[0]


def test_without_the_option_no_sound_is_sent_and_none_may_be_described(run, clips, endpoint):
    run(clips, only="dance.mp4")
    assert endpoint.parts("input_audio") == []
    assert "do not mention sound" in endpoint.texts()[0]


def test_a_still_is_one_picture_without_movement(run, clips, endpoint):
    run(clips, only="still.png")
    (picture,) = _pictures(endpoint)
    assert np.abs(np.asarray(picture).astype(int) - 90).max() <= 2
    assert "still picture" in endpoint.texts()[0]


def test_a_sound_alone_is_asked_about_without_pictures(run, clips, endpoint, tmp_path):
    folder = tmp_path / "voices"
    folder.mkdir()
    with wave.open(str(folder / "voice.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes((8000 * np.sin(np.arange(16000) / 5)).astype("<i2").tobytes())
    assert run(folder, sound=True) == 0
    assert endpoint.parts("image_url") == []
    assert len(endpoint.parts("input_audio")) == 1
    assert "sound without a picture" in endpoint.texts()[0]
    (folder / "voice.txt").unlink()
    assert run(folder) == 1


def test_the_key_comes_from_the_environment_and_goes_into_the_header_alone(run, clips, endpoint, monkeypatch, caplog):
    monkeypatch.setenv("MY_KEY", "sk-secret")
    caplog.set_level("DEBUG")
    run(clips, api_key_env="MY_KEY", only="dance.mp4")
    assert endpoint.headers[0]["Authorization"] == "Bearer sk-secret"
    assert "sk-secret" not in json.dumps(endpoint.requests) + caplog.text
    for file in clips.rglob("*"):
        assert b"sk-secret" not in (file.read_bytes() if file.is_file() else b"")


def test_without_a_key_no_authorization_is_sent(run, clips, endpoint, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    run(clips, only="dance.mp4")
    assert "Authorization" not in endpoint.headers[0]


def test_a_key_that_is_named_must_be_set(run, clips):
    with pytest.raises(ValueError, match="`--api_key_env` is NO_SUCH_KEY"):
        run(clips, api_key_env="NO_SUCH_KEY")


def test_a_key_with_a_line_break_is_refused(monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-1\nX-Other: 2")
    with pytest.raises(ValueError, match="MY_KEY holds characters"):
        read_key("MY_KEY")


def test_the_only_model_of_the_endpoint_is_taken_when_none_is_named(run, clips, endpoint):
    assert run(clips, model="", only="dance.mp4") == 0
    assert endpoint.requests[0]["model"] == "tiny-vl"


def test_several_models_need_a_choice(run, clips, endpoint):
    endpoint.models = ["one", "two"]
    with pytest.raises(ValueError, match="lists one, two: choose one with `--model`"):
        run(clips, model="")


def test_an_endpoint_that_lists_no_models_is_asked_all_the_same(run, clips, endpoint):
    endpoint.models = Reply(status=404, body=b"not found")
    assert run(clips, only="dance.mp4") == 0


def test_servers_that_call_the_limit_otherwise_get_it_so(run, clips, endpoint):
    said = {"error": {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}}
    endpoint.reply = lambda number, request: (
        Reply(status=400, body=json.dumps(said).encode()) if "max_tokens" in request else Reply()
    )
    assert run(clips, max_new_tokens=99, only="dance.mp4") == 0
    assert endpoint.requests[1]["max_completion_tokens"] == 99


def test_an_answer_in_parts_is_joined(run, clips, endpoint):
    parts = [{"type": "text", "text": CAPTION[:20]}, {"type": "text", "text": CAPTION[20:]}]
    endpoint.reply = lambda number, request: Reply(message={"role": "assistant", "content": parts})
    run(clips, only="dance.mp4")
    assert (clips / "dance.txt").read_text() == f"{CAPTION}\n"


def test_the_path_of_the_interface_may_be_given_whole():
    address = parse_address("https://models.example/v1/chat/completions/")
    assert (address.host, address.port, address.path, address.is_encrypted) == ("models.example", 443, "/v1", True)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000/v1", "ftp://host/v1", "http://", "http://host:port/v1", "http://host/v1?key=1", "hello"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ValueError, match="`--endpoint`"):
        parse_address(url)


def test_a_password_in_the_address_is_refused_and_not_repeated():
    with pytest.raises(ValueError, match="leave them out") as caught:
        parse_address("http://me:hunter2@host/v1")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "key", "is_revealed"),
    [
        ("http://models.example/v1", "sk", True),
        ("https://models.example/v1", "sk", False),
        ("http://models.example/v1", "", False),
        ("http://127.0.0.1:8000/v1", "sk", False),
        ("http://localhost/v1", "sk", False),
    ],
)
def test_a_key_that_leaves_the_machine_unencrypted_is_noticed(url, key, is_revealed):
    client = HttpClient(parse_address(url), key=key, timeout=1.0, retries=0)
    assert client.reveals_key is is_revealed


def test_proxies_of_the_environment_are_not_asked(run, clips, endpoint, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert run(clips, only="dance.mp4") == 0


def test_pictures_are_sent_in_the_order_of_the_clip(run, endpoint, tmp_path):
    levels = (20 + 8 * torch.arange(24)).to(torch.uint8)
    write_video(tmp_path / "ramp.mp4", levels[:, None, None, None].expand(24, 3, 48, 64).contiguous(), 24.0)
    run(tmp_path, frames=4)
    brightness = [float(np.asarray(picture).mean()) for picture in _pictures(endpoint)]
    assert np.abs(np.array(brightness) - (20 + 8 * np.array([3, 9, 15, 21]))).max() < 4
