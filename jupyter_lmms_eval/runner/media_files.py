"""Makes files that browsers show of what tasks give to models: pictures, videos, sounds."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..protocol.samples import MediaKind, StoredMedium, file_tag

MOST_MEDIA = 64
# Bytes of one picture or sound; videos stay where they are.
MOST_BYTES = 256 << 20
# Pixels from which a picture is stored with small losses, and beyond which it is made smaller.
_MANY_PIXELS = 2_000_000
_MOST_PIXELS = 40_000_000
_MOST_SECONDS = 1800
_HEAD = 64


def flat(found: Any) -> Iterator[Any]:
    """Go through the media of a sample, however a task nested them."""
    if found is None:
        return
    if isinstance(found, list | tuple) and not _is_sound(found):
        for each in found:
            yield from flat(each)
    else:
        yield found


def _is_sound(found: Any) -> bool:
    """Whether it is samples, and how many of them a second."""
    return isinstance(found, tuple) and len(found) == 2 and hasattr(found[0], "ndim") and isinstance(found[1], int)


def of_messages(messages: Any) -> Iterator[Any]:
    """Go through the media in the messages of a chat."""
    for message in messages or ():
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and part.get("type") in ("image", "video", "audio"):
                yield part.get("url", part.get(part["type"]))


def store(medium: Any, number: int, folder: Path) -> StoredMedium:
    """Keep one of the media as a file.

    Parameters
    ----------
    medium
        What the task gave: a picture, the path of a file, bytes, samples of a sound.
    number
        Which it is, from 0.
    folder
        Receives the file, unless it is the dataset's own.
    """
    try:
        if isinstance(medium, str | os.PathLike):
            return _of_path(str(medium))
        return _of_bytes(_encoded(medium), number, folder)
    except _Unshowable as problem:
        return StoredMedium(kind="unknown", problem=str(problem))
    except Exception as error:  # noqa: BLE001  (decoders raise anything)
        return StoredMedium(kind="unknown", problem=f"It cannot be read ({type(error).__name__}: {error})"[:500])


class _Unshowable(ValueError):
    """It is nothing that browsers show; the text says why."""


def _of_path(named: str) -> StoredMedium:
    if "://" in named and not named.startswith("file://"):
        raise _Unshowable("The dataset names an address in the network, which is not fetched")
    path = Path(named.removeprefix("file://")).expanduser().resolve()
    # Not blocking: a pipe would hold up everything.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _Unshowable("The dataset names something that is not a file")
        kind, content_type = kind_of(file.read(_HEAD))
    return StoredMedium(
        kind=kind, type=content_type, path=str(path), size=status.st_size, tag=file_tag(str(path), status)
    )


def _of_bytes(data: bytes, number: int, folder: Path) -> StoredMedium:
    if len(data) > MOST_BYTES:
        raise _Unshowable(f"It is larger than {MOST_BYTES >> 20} MiB")
    kind, content_type = kind_of(data[:_HEAD])
    name = f"{number}.bin"
    with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    tag = hashlib.sha256(data).hexdigest()[:32]
    return StoredMedium(kind=kind, type=content_type, path=name, size=len(data), tag=tag)


def kind_of(head: bytes) -> tuple[MediaKind, str]:
    """Tell by its first bytes what a file is: names and what datasets say are not believed.

    Raises
    ------
    ValueError
        If it is no picture, video or sound that browsers know: nothing else is ever shown.
    """
    for start, at, kind, content_type in _SIGNATURES:
        if head[at : at + len(start)] == start:
            return kind, content_type
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    if head[4:8] == b"ftyp":
        return _FTYP.get(head[8:12], ("video", "video/mp4"))
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "image", "image/bmp"
    raise _Unshowable("It is no picture, video or sound that browsers know")


_SIGNATURES: tuple[tuple[bytes, int, MediaKind, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, "image", "image/png"),
    (b"\xff\xd8\xff", 0, "image", "image/jpeg"),
    (b"GIF87a", 0, "image", "image/gif"),
    (b"GIF89a", 0, "image", "image/gif"),
    (b"\x1aE\xdf\xa3", 0, "video", "video/webm"),  # Matroska too, which some browsers play under this name
    (b"\x00\x00\x01\xba", 0, "video", "video/mpeg"),
    (b"OggS\x00", 0, "audio", "audio/ogg"),
    (b"fLaC", 0, "audio", "audio/flac"),
    (b"ID3\x02", 0, "audio", "audio/mpeg"),
    (b"ID3\x03", 0, "audio", "audio/mpeg"),
    (b"ID3\x04", 0, "audio", "audio/mpeg"),
    (b"\xff\xfb", 0, "audio", "audio/mpeg"),
    (b"\xff\xf3", 0, "audio", "audio/mpeg"),
    (b"\xff\xf2", 0, "audio", "audio/mpeg"),
    (b"\xff\xf1", 0, "audio", "audio/aac"),
    (b"\xff\xf9", 0, "audio", "audio/aac"),
)
_RIFF: dict[bytes, tuple[MediaKind, str]] = {
    b"WEBP": ("image", "image/webp"),
    b"WAVE": ("audio", "audio/wav"),
    b"AVI ": ("video", "video/x-msvideo"),
}
_FTYP: dict[bytes, tuple[MediaKind, str]] = {
    b"avif": ("image", "image/avif"),
    b"heic": ("image", "image/heic"),
    b"M4A ": ("audio", "audio/mp4"),
    b"qt  ": ("video", "video/quicktime"),
}


def _encoded(medium: Any) -> bytes:
    from PIL import Image

    if isinstance(medium, bytes | bytearray):
        return bytes(medium)
    if isinstance(medium, Image.Image):
        return _picture(medium)
    if isinstance(medium, dict):
        if "array" in medium:
            return _sound(medium["array"], medium.get("sampling_rate") or medium.get("sample_rate") or 16_000)
        if medium.get("bytes"):
            return bytes(medium["bytes"])
        if medium.get("path"):
            return _file(str(medium["path"]))
    if hasattr(medium, "get_all_samples"):  # what newer versions of datasets give for a sound
        samples = medium.get_all_samples()
        return _sound(samples.data.numpy().T, samples.sample_rate)
    if getattr(medium, "ndim", 0) in (2, 3) and str(getattr(medium, "dtype", "")) == "uint8":
        return _picture(Image.fromarray(medium))
    if _is_sound(medium):
        return _sound(*medium)
    raise _Unshowable(f"Tasks give it to models as {type(medium).__name__}, of which no file is made")


def _file(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _picture(picture: Any) -> bytes:
    """Encode a picture; one that came from a file, and is as it was there, keeps its encoding."""
    if (original := _original(picture)) is not None:
        return original
    if picture.mode not in ("RGB", "RGBA", "L", "LA", "1"):
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    pixels = picture.width * picture.height
    if pixels > _MOST_PIXELS:
        share = (_MOST_PIXELS / pixels) ** 0.5
        picture = picture.resize((int(picture.width * share), int(picture.height * share)))
    out = io.BytesIO()
    if pixels > _MANY_PIXELS and picture.mode in ("RGB", "L"):
        picture.save(out, "JPEG", quality=92)
    else:
        picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _original(picture: Any) -> bytes | None:
    if getattr(picture, "format", None) not in ("PNG", "JPEG", "WEBP", "GIF"):
        return None  # also what was converted: it has no format any more
    if name := getattr(picture, "filename", ""):
        return _file(name) if Path(name).is_file() else None
    source = getattr(picture, "fp", None)
    if source is None:
        return None
    source.seek(0)
    return bytes(source.read(MOST_BYTES + 1))


def _sound(samples: Any, rate: Any) -> bytes:
    """Write samples, which are between -1 and 1 or whole numbers of 16 bits, as a WAV file."""
    import numpy as np

    array = np.asarray(samples)
    if array.ndim > 2 or array.size == 0:
        raise _Unshowable("Its samples are none of a sound")
    if array.ndim == 2 and array.shape[0] < array.shape[1]:
        array = array.T
    rate = int(rate)
    array = array[: rate * _MOST_SECONDS]
    if array.dtype.kind == "f":
        array = np.clip(np.nan_to_num(array), -1, 1) * 32767
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1 if array.ndim == 1 else array.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.ascontiguousarray(array.astype("<i2")).tobytes())
    return out.getvalue()
