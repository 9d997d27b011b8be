"""The address of an OpenAI-compatible endpoint, and the key for it."""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

KEY_VARIABLE = "LTX_CAPTION_API_KEY"
"""The environment variable that is read unless another is named."""

_COMPLETIONS = "/chat/completions"
_EXAMPLE = "such as http://127.0.0.1:8000/v1"


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where the endpoint is."""

    is_encrypted: bool
    host: str
    port: int
    path: str
    """Of the interface's root, such as `/v1`."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.is_encrypted else 'http'}://{host}:{self.port}{self.path}"


def parse_address(url: str) -> Address:
    """Read `--endpoint`.

    Raises:
        ValueError: If it is not a plain http or https address.
    """
    parts = urlsplit(url.strip())
    try:
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise ValueError(f"`--endpoint` is {url!r}, which is no address ({error}): give one {_EXAMPLE}.") from error
    if parts.username or parts.password:
        raise ValueError(
            f"`--endpoint` has a user or a password in it: leave them out and put the key into {KEY_VARIABLE}."
        )
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"`--endpoint` is {url!r}, but it must begin with http:// or https://: give one {_EXAMPLE}.")
    if parts.query or parts.fragment:
        raise ValueError(f"`--endpoint` is {url!r}, but it must end with its path: give one {_EXAMPLE}.")
    is_encrypted = parts.scheme == "https"
    path = parts.path.rstrip("/").removesuffix(_COMPLETIONS)
    return Address(is_encrypted=is_encrypted, host=host, port=port or (443 if is_encrypted else 80), path=path)


def read_key(variable: str | None) -> str:
    """The key in an environment variable; empty if there is none, which local servers take.

    Args:
        variable: Its name, or None for `LTX_CAPTION_API_KEY`.

    Raises:
        ValueError: If a variable was named and is not set, or holds what no header can.
    """
    key = os.environ.get(variable or KEY_VARIABLE, "").strip()
    if variable and not key:
        raise ValueError(
            f"`--api_key_env` is {variable}, but no such environment variable is set: export it, or leave the "
            "option out."
        )
    if not key.isascii() or not key.isprintable():
        raise ValueError(f"The environment variable {variable or KEY_VARIABLE} holds characters that no key has.")
    return key
