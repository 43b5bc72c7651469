"""What tasks give to models becomes files that browsers show, and nothing else does."""

from __future__ import annotations

import io
import os
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jupyter_lmms_eval.protocol.samples import file_tag
from jupyter_lmms_eval.runner.media_files import flat, of_messages, store

MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(100)


def picture(mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", (8, 6), (200, 30, 30))
    image.putpixel((2, 3), (0, 0, 255))
    return image.convert(mode)


def content(medium: Any, folder: Path) -> bytes:
    stored = store(medium, 0, folder)
    assert not stored.problem
    path = folder / stored.path
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size == stored.size
    return path.read_bytes()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "1", "P", "CMYK", "YCbCr", "I;16", "F"])
def test_pictures_of_all_kinds_are_shown(mode: str, tmp_path: Path) -> None:
    image = picture("L").convert("I").convert("I;16") if mode == "I;16" else picture(mode)
    shown = Image.open(io.BytesIO(content(image, tmp_path)))
    assert (shown.format, shown.size) == ("PNG", (8, 6))


def test_a_picture_from_a_file_keeps_its_encoding(tmp_path: Path) -> None:
    for form in ("JPEG", "PNG", "WEBP", "GIF"):
        encoded = io.BytesIO()
        picture().save(encoded, form)
        folder = tmp_path / form
        folder.mkdir()
        (folder / "named").write_bytes(encoded.getvalue())
        assert content(Image.open(folder / "named"), folder) == encoded.getvalue()
        (folder / "0.bin").unlink()
        assert content({"bytes": encoded.getvalue(), "path": None}, folder) == encoded.getvalue()
        assert store(str(folder / "named"), 0, folder).type == f"image/{form.lower()}"


def test_a_picture_that_was_changed_is_encoded_anew(tmp_path: Path) -> None:
    encoded = io.BytesIO()
    picture().save(encoded, "PNG")
    cut = Image.open(encoded).crop((0, 0, 4, 4))
    assert Image.open(io.BytesIO(content(cut, tmp_path))).size == (4, 4)


def test_large_pictures_are_stored_smaller(tmp_path: Path) -> None:
    shown = Image.open(io.BytesIO(content(Image.new("RGB", (9000, 9000)), tmp_path)))
    assert shown.format == "JPEG"
    assert shown.width * shown.height <= 40_000_000


@pytest.mark.parametrize(
    ("samples", "channels"),
    [
        (np.sin(np.linspace(0, 100, 1600)), 1),
        (np.zeros((2, 1600), dtype=np.float32), 2),
        (np.zeros((1600, 2)), 2),
        (np.full(1600, 2000, dtype=np.int16), 1),
        ([0.0, 2.0, -7.0, float("nan")] * 400, 1),
    ],
)
def test_samples_of_a_sound_become_a_wav_file(samples: Any, channels: int, tmp_path: Path) -> None:
    stored = store({"array": samples, "sampling_rate": 16_000, "path": None}, 0, tmp_path)
    assert (stored.kind, stored.type) == ("audio", "audio/wav")
    with wave.open(str(tmp_path / stored.path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (channels, 16_000, 1600)


def test_a_video_stays_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(MP4)
    (tmp_path / "clip.mp4").symlink_to("blob")  # as in a cache of datasets
    stored = store(str(tmp_path / "clip.mp4"), 0, tmp_path)
    assert (stored.kind, stored.type) == ("video", "video/mp4")
    assert stored.path == str(tmp_path / "blob")
    assert stored.tag == file_tag(stored.path, (tmp_path / "blob").stat())
    (tmp_path / "blob").write_bytes(MP4 + b"more")
    assert store(str(tmp_path / "clip.mp4"), 0, tmp_path).tag != stored.tag


def test_only_pictures_videos_and_sounds_are_shown_whatever_they_are_called(tmp_path: Path) -> None:
    (tmp_path / "key.mp4").write_text("-----BEGIN PRIVATE KEY-----")
    (tmp_path / "page.png").write_text("<html><script>alert(1)</script>")
    (tmp_path / "draw.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "link.jpg").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe.mp4")
    names = ["key.mp4", "page.png", "draw.svg", "link.jpg", "pipe.mp4", "missing.png", "."]
    others = ["https://example.org/a.png", b"plain bytes", object(), {"path": "/etc/passwd", "bytes": None}, {}]
    for medium in [*(str(tmp_path / name) for name in names), *others]:
        stored = store(medium, 0, tmp_path)
        assert stored.kind == "unknown", medium
        assert stored.problem
        assert not stored.path
        assert not (tmp_path / "0.bin").exists()


def test_media_are_found_however_a_task_nests_them() -> None:
    one, two = picture(), {"array": [0.0], "sampling_rate": 8000}
    sound = (np.zeros(8), 8000)
    assert list(flat([[one], (two, None), [[sound]]])) == [one, two, sound]
    assert list(flat(None)) == []
    messages = [
        {"role": "system", "content": "look"},
        {"role": "user", "content": [{"type": "image", "url": one}, {"type": "text", "text": "?"}]},
        {"role": "user", "content": [{"type": "audio", "audio": two}, {"type": "video", "url": "/a.mp4"}]},
    ]
    assert list(of_messages(messages)) == [one, two, "/a.mp4"]
