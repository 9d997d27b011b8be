"""Values written as YAML the way the recipes are written, so that PyYAML and jsonargparse read the same back.

Texts stand plain where they can. Numbers are written `1.0e-4`: PyYAML takes `1e-4` for a text, jsonargparse for a
number, so a text that looks like a number is quoted.
"""

import math
import re
from typing import Any

import yaml

_WIDTH = 100
_OTHER_NUMBER = re.compile(r"[-+]?0[xXoObB]\w*")  # read as a number by YAML 1.2 alone
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
# What PyYAML takes for no character, or for the end of a line.
_TO_ESCAPE = re.compile('["\\\\\x00-\x1f\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]')


def written(value: Any, *, flow: bool = True) -> str:
    """A value on one line.

    Args:
        value: Text, number, switch, null, or a list or mapping of these.
        flow: Whether it stands between brackets, where commas separate.
    """
    if isinstance(value, dict):
        inner = ", ".join(f"{written(str(key))}: {written(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(written(one) for one in value)}]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return _number(value) if isinstance(value, float) else _text(str(value), flow=flow)


def fits_one_line(value: Any) -> bool:
    """Whether a list or mapping is short enough for one line: no nested mapping, and not too wide."""
    if isinstance(value, dict):
        return not value or (len(value) <= 3 and all(not isinstance(one, (dict, list)) for one in value.values()))
    if isinstance(value, list):
        return all(not isinstance(one, (dict, list)) for one in value) and len(written(value)) <= _WIDTH
    return True


def block(value: dict[str, Any] | list[Any], indent: int) -> str:
    """A mapping or list over several lines, each indented, without the last line's end.

    Args:
        value: Not empty.
        indent: Blanks before each line.
    """
    blanks = " " * indent
    if isinstance(value, list):
        return "\n".join(f"{blanks}- {in_list(one, indent)}" for one in value)
    return "\n".join(f"{blanks}{written(str(key))}:{after_colon(one, indent)}" for key, one in value.items())


def after_colon(value: Any, indent: int) -> str:
    """What stands behind `key:` in a mapping whose keys are indented so far."""
    if not isinstance(value, (dict, list)) or fits_one_line(value):
        return f" {written(value, flow=isinstance(value, (dict, list)))}"
    return "\n" + block(value, indent + 2)


def in_list(value: Any, indent: int) -> str:
    """What stands behind `- ` in a list that is indented so far."""
    if isinstance(value, dict) and value and any(isinstance(one, (dict, list)) for one in value.values()):
        return block(value, indent + 2).lstrip(" ")
    return written(value, flow=isinstance(value, (dict, list)))


def _number(value: float) -> str:
    """A float that every YAML reader takes for one."""
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else (".inf" if value > 0 else "-.inf")
    if value == 0 or 1e-2 <= abs(value) < 1e16:
        return repr(value)
    digits = repr(value) if "e" in repr(value) else f"{value:.17e}"
    mantissa, _, exponent = digits.partition("e")
    if "e" not in repr(value):  # 0.001: the shortest mantissa that gives the same number
        for places in range(1, 18):
            mantissa, _, exponent = f"{value:.{places}e}".partition("e")
            if float(f"{mantissa}e{exponent}") == value:
                break
    mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
    return f"{mantissa}e{int(exponent):+d}"


def _text(value: str, *, flow: bool) -> str:
    """A text, plain where it is read back as itself."""
    return value if _may_stand_plain(value, flow=flow) else f'"{_TO_ESCAPE.sub(_escape, value)}"'


def _may_stand_plain(value: str, *, flow: bool) -> bool:
    """Whether a text without quotes is read as the same text, wherever it stands."""
    if not value or value != value.strip() or _TO_ESCAPE.search(value) or "#" in value:
        return False
    if _is_number(value):
        return False
    around = ("[", "]") if flow else ("k: ", "")
    try:
        read = yaml.safe_load(f"{around[0]}{value}{around[1]}")
    except (yaml.YAMLError, ValueError):
        return False
    return bool(read == ([value] if flow else {"k": value}))


def _is_number(value: str) -> bool:
    """Whether some YAML reader takes a text for a number."""
    try:
        float(value)
    except ValueError:
        return bool(_OTHER_NUMBER.fullmatch(value))
    return True


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _ESCAPES.get(character) or f"\\u{ord(character):04x}"
