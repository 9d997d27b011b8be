import json
import socket

import pytest

from datamodules.captioning.memory import FILE_NAME
from tests.datamodules.captioning.fake_endpoint import CAPTION, Reply


def _files(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def _saying(status, message, **headers):
    return Reply(status=status, body=json.dumps({"error": {"message": message}}).encode(), headers=headers)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_fault_is_overcome(run, clips, endpoint, status):
    endpoint.reply = lambda number, request: Reply(status=status, body=b"{}") if number < 2 else Reply()
    assert run(clips, only="dance.mp4") == 0
    assert len(endpoint.requests) == 3
    assert endpoint.requests[0] == endpoint.requests[2]


def test_the_endpoint_says_how_long_to_wait(run, clips, endpoint, monkeypatch):
    waits = []
    monkeypatch.setattr("threading.Event.wait", lambda self, seconds=None: waits.append(seconds))
    endpoint.reply = lambda number, request: _saying(429, "slow", **{"Retry-After": "7"}) if number < 1 else Reply()
    run(clips, only="dance.mp4", concurrency=1)
    assert 7.0 in waits


def test_waits_double_and_a_broken_connection_is_tried_again(run, clips, endpoint, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr("datamodules.captioning.http_client.FIRST_WAIT_SECONDS", 1.0)
    waits = []
    monkeypatch.setattr("datamodules.captioning.http_client.threading.Event.wait", lambda self, s=None: waits.append(s))
    endpoint.reply = lambda number, request: Reply(breaks=True) if number < 3 else Reply()
    assert run(clips, only="dance.mp4", concurrency=1) == 0
    assert [wait for wait in waits if wait in (1.0, 2.0, 4.0)] == [1.0, 2.0, 4.0]
    assert "gave no answer" in caplog.text


def test_a_lasting_fault_is_reported_by_clip_and_ends_the_run_after_three(run, clips, endpoint, caplog):
    (clips / "fourth.png").write_bytes((clips / "still.png").read_bytes())
    endpoint.reply = lambda number, request: _saying(500, "the engine is dead")
    with pytest.raises(ValueError, match=r"3 clips failed in a row.*500 \(the engine is dead\)"):
        run(clips, concurrency=1)
    assert len(endpoint.requests) == 3 * 5  # a first try and four more, and the fourth clip was spared
    assert not list(clips.glob("*.txt"))


def test_one_refused_clip_does_not_stop_the_others(run, clips, endpoint, caplog):
    endpoint.reply = lambda number, request: _saying(400, "At most 2 image(s)") if number == 1 else Reply()
    assert run(clips, concurrency=1) == 1
    assert len(list(clips.glob("*.txt"))) == 3
    assert "silent.mp4: the endpoint answers 400 (At most 2 image(s)): lower `--frames`" in caplog.text


def test_no_answer_in_time_is_a_failure_after_a_second_try(run, clips, endpoint, caplog):
    endpoint.reply = lambda number, request: Reply(hangs=True)
    assert run(clips, only="dance.mp4", timeout=0.2) == 1
    assert len(endpoint.requests) == 2
    assert "no answer within 0.2 s, 2 times: raise `--timeout`" in caplog.text
    assert not list(clips.glob("*.txt"))


@pytest.mark.parametrize(("status", "hint"), [(401, "--api_key_env"), (403, "--api_key_env")])
def test_a_refused_key_ends_the_run_before_anything_is_written(run, clips, endpoint, status, hint):
    before = _files(clips)
    endpoint.models = _saying(status, "bad key sk-secret")
    with pytest.raises(ValueError, match=f"answers {status}.*{hint}"):
        run(clips)
    assert endpoint.requests == []
    assert _files(clips) == before


def test_a_key_repeated_by_the_server_is_hidden(run, clips, endpoint, monkeypatch):
    monkeypatch.setenv("LTX_CAPTION_API_KEY", "sk-secret")
    endpoint.models = _saying(401, "Incorrect key sk-secret")
    with pytest.raises(ValueError, match=r"Incorrect key \*\*\*"):
        run(clips)


def test_an_unknown_model_ends_the_run_before_anything_is_written(run, clips, endpoint):
    before = _files(clips)
    endpoint.reply = lambda number, request: _saying(404, "model `x` not found")
    with pytest.raises(ValueError, match=r"answers 404 for the model 'x' \(model `x` not found\): correct `--model`"):
        run(clips, model="x")
    assert _files(clips) == before


def test_a_closed_port_is_said_before_anything_is_written(run, clips):
    before = _files(clips)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        with pytest.raises(ValueError, match=r"cannot be reached \(Connection refused\): start the server"):
            run(clips, endpoint=url)
    assert _files(clips) == before


def test_an_endpoint_that_is_down_is_said_at_once(run, clips, endpoint):
    endpoint.models = Reply(status=503, body=b"loading model")
    with pytest.raises(ValueError, match=r"answers 503 \(loading model\)"):
        run(clips)


def test_a_redirect_is_not_followed(run, clips, endpoint):
    endpoint.models = Reply(status=307, body=b"", headers={"Location": "http://elsewhere.example/v1/models"})
    with pytest.raises(ValueError, match=r"sends us to http://elsewhere\.example/v1/models, which is not followed"):
        run(clips)
    assert endpoint.paths == ["/v1/models"]


@pytest.mark.parametrize(
    "body", [b"<html>hello</html>", b"[]", b'{"choices": []}', b'{"choices": [{"message": null}]}']
)
def test_an_answer_that_is_no_chat_completion_is_a_failure(run, clips, endpoint, caplog, body):
    endpoint.reply = lambda number, request: Reply(body=body)
    assert run(clips, only="dance.mp4") == 1
    assert "no chat completion" in caplog.text
    assert not list(clips.glob("*.txt"))


def test_a_key_refused_in_the_middle_keeps_what_is_done(run, clips, endpoint, caplog):
    endpoint.reply = lambda number, request: _saying(401, "expired") if number == 2 else Reply()
    assert run(clips, concurrency=1) == 1
    assert len(list(clips.glob("*.txt"))) == 2
    assert "stopped: " in caplog.text
    assert json.loads((clips / FILE_NAME).read_text())["captions"].keys() == {"dance.txt", "silent.txt"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "is empty"),
        ("<think>What do I see?", "is empty"),
        ("I'm sorry, but I can't help with describing the people in these pictures.", "is a refusal"),
        ("A red circle.", "is too short"),
        ("The circle moves to the left. " * 4, "repeats itself"),
    ],
)
def test_a_useless_answer_is_asked_for_once_more_and_then_reported(run, clips, endpoint, caplog, answer, reason):
    endpoint.reply = lambda number, request: Reply(text=answer)
    assert run(clips, only="dance.mp4") == 1
    assert len(endpoint.requests) == 2
    assert f"Your last answer {reason}" in endpoint.texts()[1]
    assert f"dance.mp4: the answer {reason}" in caplog.text
    assert not list(clips.glob("*.txt"))


def test_a_second_answer_that_is_fit_is_taken(run, clips, endpoint):
    endpoint.reply = lambda number, request: Reply(text=None if number == 0 else CAPTION)
    assert run(clips, only="dance.mp4") == 0
    assert (clips / "dance.txt").read_text() == f"{CAPTION}\n"


def test_an_answer_that_was_cut_off_ends_with_its_last_whole_sentence(run, clips, endpoint):
    endpoint.reply = lambda number, request: Reply(text=f"{CAPTION} Then the camera mov", finish="length")
    assert run(clips, only="dance.mp4") == 0
    assert (clips / "dance.txt").read_text() == f"{CAPTION}\n"


def test_an_answer_cut_off_in_its_first_sentence_is_a_failure(run, clips, endpoint, caplog):
    endpoint.reply = lambda number, request: Reply(text="A red circle moves slowly across a blue", finish="length")
    assert run(clips, only="dance.mp4") == 1
    assert "raise `--max_new_tokens`" in caplog.text


def test_a_damaged_clip_fails_alone(run, clips, endpoint, caplog):
    (clips / "dance.mp4").write_bytes((clips / "dance.mp4").read_bytes()[:2000])
    assert run(clips) == 1
    assert not (clips / "dance.txt").exists()
    assert len(list(clips.glob("*.txt"))) == 3
    assert "dance.mp4: " in caplog.text
