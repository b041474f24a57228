import pytest
import torch
from PIL import Image, ImageSequence

from nstlib import images
from nstlib.clips import MILLISECONDS, Clip, open_clip, save_clip

COLORS = [(250, 10, 10), (10, 250, 10), (10, 10, 250)]


def save_gif(path, durations=(50, 120, 200), size=(24, 16)):
    frames = [Image.new("RGB", size, color) for color in COLORS[: len(durations)]]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=list(durations), loop=0)
    return path


def flat(*levels: float) -> list[torch.Tensor]:
    return [torch.full((1, 3, 6, 8), level) for level in levels]


def mean_colors(clip: Clip) -> list[tuple[int, ...]]:
    means = [(frame.mean((0, 2, 3)) * 255).round().int() for frame in clip.frames]
    return [tuple(mean.tolist()) for mean in means]


def test_a_gif_gives_its_frames_and_their_times(tmp_path):
    clip = open_clip(save_gif(tmp_path / "film.gif"))
    assert clip.count == 3
    assert clip.milliseconds == [50, 120, 200]
    assert clip.names == ["film_0000", "film_0001", "film_0002"]
    assert [frame.shape for frame in clip.frames] == [(1, 3, 16, 24)] * 3
    assert mean_colors(clip) == COLORS


def test_transparent_parts_of_a_gif_become_white(tmp_path):
    frames = [Image.new("RGBA", (8, 8), (*color, 255)) for color in COLORS[:2]]
    for frame in frames:
        frame.paste((0, 0, 0, 0), (0, 0, 4, 8))
    options = {"save_all": True, "append_images": frames[1:], "disposal": 2, "duration": 60}
    frames[0].save(tmp_path / "film.gif", **options)
    clip = open_clip(tmp_path / "film.gif")
    assert clip.count == 2
    for frame, color in zip(clip.frames, COLORS, strict=False):
        assert (frame[..., :4] == 1).all()
        assert torch.allclose(frame[0, :, 0, 6] * 255, torch.tensor(color).float(), atol=2)


def test_a_gif_without_times_gets_the_usual_ones(tmp_path):
    clip = open_clip(save_gif(tmp_path / "film.gif", durations=(0, 0)))
    assert clip.milliseconds == [MILLISECONDS] * 2


def test_a_still_picture_is_a_clip_of_one_frame(tmp_path):
    Image.new("RGB", (9, 5)).save(tmp_path / "still.png")
    clip = open_clip(tmp_path / "still.png")
    assert (clip.count, len(list(clip.frames))) == (1, 1)


def test_a_folder_is_read_in_the_order_of_names(tmp_path):
    for name, color in zip(["c.png", "a.PNG", "b.bmp"], COLORS, strict=True):
        Image.new("RGB", (6, 4), color).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    clip = open_clip(str(tmp_path))
    assert (clip.count, clip.names) == (3, ["a", "b", "c"])
    assert clip.milliseconds == [MILLISECONDS] * 3
    assert mean_colors(clip) == [COLORS[1], COLORS[2], COLORS[0]]


def test_frames_of_the_same_stem_do_not_overwrite_each_other(tmp_path):
    for name in ("a.png", "a.bmp"):
        Image.new("RGB", (6, 4)).save(tmp_path / name)
    clip = open_clip(tmp_path)
    save_clip(clip.frames, clip, tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize("kind", ["gif", "folder"])
def test_a_size_is_that_of_the_longer_side(tmp_path, kind):
    save_gif(tmp_path / "film.gif")
    Image.new("RGB", (24, 16)).save(tmp_path / "one.png")
    clip = open_clip(tmp_path / "film.gif" if kind == "gif" else tmp_path, size=12)
    assert {frame.shape for frame in clip.frames} == {(1, 3, 8, 12)}


def test_frames_are_read_only_when_they_are_asked_for(tmp_path, monkeypatch):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (6, 4)).save(tmp_path / name)
    read, load = [], images.load_image
    monkeypatch.setattr(images, "load_image", lambda s, **k: read.append(s.name) or load(s, **k))
    frames = iter(open_clip(tmp_path).frames)
    assert read == []
    next(frames)
    assert read == ["a.png"]


@pytest.mark.parametrize("kind", ["gif", "folder"])
def test_frames_can_be_gone_through_twice(tmp_path, kind):
    save_gif(tmp_path / "film.gif")
    Image.new("RGB", (24, 16), COLORS[0]).save(tmp_path / "one.png")
    clip = open_clip(tmp_path / "film.gif" if kind == "gif" else tmp_path)
    assert mean_colors(clip) == mean_colors(clip) != []


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(ValueError, match=f"no pictures in the folder .*{tmp_path.name}"):
        open_clip(tmp_path)


def test_a_missing_clip_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.gif"):
        open_clip(tmp_path / "gone.gif")


def test_a_file_that_is_no_picture_is_refused(tmp_path):
    (tmp_path / "film.gif").write_text("no picture")
    with pytest.raises(ValueError, match=r"film\.gif"):
        open_clip(tmp_path / "film.gif")


def test_a_saved_gif_has_the_frames_and_times(tmp_path):
    clip = Clip(3, ["x", "y", "z"], [40, 100, 300], flat(0.0, 0.5, 1.0))
    film = Image.open(save_clip(iter(clip.frames), clip, tmp_path / "film.GIF"))
    assert film.format == "GIF"
    shown = [frame.info["duration"] for frame in ImageSequence.Iterator(film)]
    assert shown == [40, 100, 300]
    assert film.info["loop"] == 0
    levels = [color[0] for color in mean_colors(open_clip(tmp_path / "film.GIF"))]
    assert levels == pytest.approx([0, 128, 255], abs=1)


def test_a_saved_folder_has_the_names(tmp_path):
    clip = Clip(2, ["x", "y"], [40, 40], flat(0.0, 1.0))
    folder = save_clip(iter(clip.frames), clip, tmp_path / "new" / "frames")
    assert sorted(file.name for file in folder.iterdir()) == ["x.png", "y.png"]
    assert images.load_image(folder / "y.png").min() == 1


def test_a_gif_comes_back_as_it_was_saved(tmp_path):
    clip = open_clip(save_gif(tmp_path / "film.gif"))
    again = open_clip(save_clip(clip.frames, clip, tmp_path / "again.gif"))
    assert (again.count, again.milliseconds) == (clip.count, clip.milliseconds)
    assert mean_colors(again) == COLORS


@pytest.mark.parametrize("count", [1, 3])
def test_a_folder_needs_as_many_frames_as_the_clip_has(tmp_path, count):
    clip = Clip(2, ["x", "y"], [40, 40], [])
    with pytest.raises(ValueError, match="argument"):
        save_clip(flat(*[0.5] * count), clip, tmp_path / "frames")


def test_frames_are_not_written_over_those_that_they_come_from(tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    clip = open_clip(tmp_path)
    with pytest.raises(ValueError, match="where the frames come from"):
        save_clip(clip.frames, clip, tmp_path)
    with pytest.raises(ValueError, match="name a .gif file or a folder"):
        save_clip(clip.frames, clip, tmp_path / "film.mp4")
    with pytest.raises(FileNotFoundError, match="no folder"):
        save_clip(clip.frames, clip, tmp_path / "gone" / "film.gif")
