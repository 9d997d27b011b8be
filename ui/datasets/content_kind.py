"""Whether a file begins as its name says, so that nothing is handed to a decoder under a false name.

A playlist called `clip.mp4` would have a decoder open other files.
"""

from pathlib import Path

_HEAD = 16
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"uuid")


def contradicts_name(path: Path) -> bool:
    """Whether the first bytes of a media file are not those of its kind; False for kinds that are not known.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return not _fits(path.suffix.lower(), head)


def _fits(suffix: str, head: bytes) -> bool:
    match suffix:
        case ".mp4" | ".mov" | ".m4a":
            return head[4:8] in _BOXES
        case ".mkv" | ".webm":
            return head.startswith(b"\x1a\x45\xdf\xa3")
        case ".png" | ".jpg" | ".jpeg" | ".webp":  # programs take one for another, and all of them read these
            return _is_picture(head)
        case ".wav":
            return head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE"
        case ".flac":
            return head.startswith((b"fLaC", b"ID3"))
        case ".mp3":
            return head.startswith((b"ID3", b"RIFF")) or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0)
    return True


def _is_picture(head: bytes) -> bool:
    is_webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    return is_webp or head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))
