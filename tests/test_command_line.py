import os
import subprocess
import sys

import pytest
import torch
from PIL import Image

from nstlib import clips, data, feedforward, images, recipes, synthesis
from nstlib.__main__ import main

SHORT = ["--size", "48", "--iterations", "1"]
READ_ONLY_IS_IGNORED = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture
def nothing_computed(monkeypatch):
    def refuse(*args, **kwargs):
        pytest.fail("the run began although its result could not have been kept")

    monkeypatch.setattr(synthesis, "iterate", refuse)


@pytest.fixture
def stopped_run(monkeypatch):
    def stop(reason):
        result = synthesis.Result(torch.full((1, 3, 4, 5), 0.5), stop_reason=reason)
        monkeypatch.setattr(recipes, "transfer", lambda *args, **kwargs: result)

    return stop


@pytest.fixture
def asked(monkeypatch):
    """What the recipe was called with; nothing is computed."""
    calls = []

    def record(photo, style, **options):
        calls.append({"style": style, **options})
        return synthesis.Result(torch.full((1, 3, 4, 5), 0.5))

    monkeypatch.setattr(recipes, "transfer", record)
    return calls


COMMANDS = [
    (["transfer", "chelsea", "woodcut_wave"], (32, 48), ["content", "style", "total variation"]),
    (["content", "chelsea", "--layer", "block2_conv1"], (32, 48), ["content"]),
    (["style", "stained_glass", "--layers", "block1_conv1", "block2_conv1"], (48, 48), ["style"]),
]


@pytest.mark.parametrize(("arguments", "shape", "terms"), COMMANDS)
def test_a_command_writes_its_picture_and_says_so(tmp_path, capsys, arguments, shape, terms):
    output = tmp_path / "result.png"
    assert main([*arguments, *SHORT, "-o", str(output)]) == 0
    assert images.load_image(output).shape == (1, 3, *shape)
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 3
    for number, line in enumerate(lines[:2]):
        assert line.startswith(f"iteration {number:3d}")
        assert all(term in line for term in terms)
    assert lines[-1].startswith("finished in ")
    assert f"{output} ({shape[1]}x{shape[0]} px)" in lines[-1]


def test_own_pictures_are_read_from_files(tmp_path):
    photo, output = tmp_path / "own.jpg", tmp_path / "result.jpg"
    Image.effect_noise((60, 40), 60).save(photo)
    arguments = ["content", str(photo), "--layer", "block1_conv1", "--network", "random"]
    assert main([*arguments, *SHORT, "--output", str(output)]) == 0
    assert images.load_image(output).shape == (1, 3, 32, 48)


def test_a_file_is_preferred_to_a_builtin_picture_of_the_same_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 40)).save("chelsea", "PNG")
    assert main(["content", "chelsea", "--layer", "block1_conv1", *SHORT]) == 0
    assert images.load_image("generated.png").shape == (1, 3, 30, 48)


def test_options_reach_the_recipe(tmp_path, monkeypatch):
    given = {}

    def transfer(photo, painting, **options):
        given.update(photo=photo, painting=painting, **options)
        return synthesis.Result(torch.zeros(1, 3, 4, 4))

    monkeypatch.setattr(recipes, "transfer", transfer)
    options = (
        "--size 99 --network random --iterations 3 --seed 5 --content-weight 0.5 --start noise"
    )
    output = tmp_path / "result.png"
    assert main(["transfer", "chelsea", "rocket", *options.split(), "-o", str(output)]) == 0
    assert given.pop("network").name == "random"
    undecided = {"tv_weight": None, "masks": None, "style_size": None, "scales": None}
    assert given == {
        "photo": data.path("chelsea"),
        "painting": [data.path("rocket")],
        "size": 99,
        "iterations": 3,
        "seed": 5,
        "content_weight": 0.5,
        "start": "noise",
        "style_shares": [1.0],
        "balance": False,
        "colors": "painting",
        **undecided,
    }


def test_without_wishes_the_recipe_decides(tmp_path, asked):
    output = str(tmp_path / "result.png")
    assert main(["transfer", "chelsea", "rocket", "-o", output, "--network", "random"]) == 0
    undecided = ("content_weight", "tv_weight", "masks", "style_size", "scales")
    assert all(asked[0][name] is None for name in undecided)


BAD = {
    "missing photo": (["transfer", "gone.jpg", "woodcut_wave"], "no file 'gone.jpg'"),
    "missing painting": (["transfer", "chelsea", "gone.jpg"], "no file 'gone.jpg'"),
    "unknown layer": (["content", "chelsea", "--layer", "conv9"], "no layer 'conv9'"),
    "unknown layers": (["style", "rocket", "--layers", "conv9"], "no layer 'conv9'"),
    "unknown network": (["style", "rocket", "--network", "big"], "no network 'big'"),
    "unknown start": (["transfer", "chelsea", "rocket", "--start", "x"], "no start 'x'"),
    "negative weight": (["transfer", "chelsea", "rocket", "--content-weight=-1"], "is -1"),
    "weight that is no number": (["transfer", "coffee", "rocket", "--content-weight=nan"], "nan"),
    "size below the minimum": (["content", "chelsea", "--size", "20"], "at least 32 px"),
    "size zero": (["content", "chelsea", "--size", "0"], "size is 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_line(tmp_path, capsys, nothing_computed, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    arguments, message = BAD[case]
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nstlib: ")
    assert err.count("\n") == 1
    assert message in err
    assert not os.listdir(tmp_path)


def test_no_iterations_are_one_clear_line(tmp_path, capsys):
    output = tmp_path / "result.png"
    arguments = ["content", "chelsea", "--size", "48", "--iterations", "0", "-o", str(output)]
    assert main(arguments) == 2
    assert "iterations is 0; give a whole number, 1 or more" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize("command", [["transfer", "chelsea", "rocket"], ["content", "chelsea"]])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone/result.png", "no folder"),
        ("result.xyz", ".png or .jpg"),
        ("result", ".png or .jpg"),
        ("result.psd", ".png or .jpg"),
    ],
)
def test_an_impossible_output_fails_before_the_run(
    tmp_path, capsys, nothing_computed, command, name, message
):
    assert main([*command, *SHORT, "-o", str(tmp_path / name)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.skipif(READ_ONLY_IS_IGNORED, reason="root may write to any folder")
def test_a_read_only_folder_fails_before_the_run(tmp_path, capsys, nothing_computed):
    tmp_path.chmod(0o500)
    try:
        assert main(["content", "chelsea", *SHORT, "-o", str(tmp_path / "result.png")]) == 2
    finally:
        tmp_path.chmod(0o700)
    assert "cannot write" in capsys.readouterr().err


def test_an_interrupted_run_keeps_its_picture_and_exits_with_one(tmp_path, capsys, stopped_run):
    stopped_run("interrupted")
    output = tmp_path / "result.png"
    assert main(["transfer", "chelsea", "rocket", "-o", str(output)]) == 1
    assert output.is_file()
    assert capsys.readouterr().out.splitlines()[-1].startswith("interrupted in ")


def test_a_converged_run_is_a_success(tmp_path, stopped_run):
    stopped_run("converged")
    output = tmp_path / "result.png"
    assert main(["transfer", "chelsea", "rocket", "-o", str(output)]) == 0


@pytest.mark.parametrize("arguments", [[], ["paint"], ["transfer"]])
def test_wrong_usage_exits_with_two(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: python -m nstlib" in capsys.readouterr().err


def test_help_names_the_commands_and_the_builtin_pictures():
    command = [sys.executable, "-m", "nstlib", "--help"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    text = " ".join(run.stdout.split())
    for word in ("transfer", "content", "style", *data.names()):
        assert word in text


def test_a_picture_on_the_web_may_be_named(tmp_path, monkeypatch, capsys):
    fetched = []

    def fetch(name):
        fetched.append(name)
        return data.path("rocket")

    monkeypatch.setattr(data, "fetch", fetch)
    output = tmp_path / "result.png"
    assert main(["content", "tuebingen", "--layer", "block1_conv1", *SHORT, "-o", str(output)]) == 0
    assert fetched == ["tuebingen"]
    assert images.load_image(output).shape[3] == 48


def test_a_device_that_is_not_there_is_one_clear_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    arguments = ["content", "rocket", "--device", "cuda", "-o", str(tmp_path / "result.png")]
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("nstlib: this machine has no cuda device")


def test_a_run_that_does_not_fit_is_one_clear_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("nstlib.devices.free_memory", lambda device: 10_000_000)
    output = tmp_path / "result.png"
    assert main(["transfer", "rocket", "coffee", "-o", str(output)]) == 2
    assert "a longer side of" in capsys.readouterr().err
    assert not output.exists()


WISHES = {  # arguments, and what the recipe is to get
    "--keep-colors": ([], {"colors": "photo"}),
    "--match-colors": ([], {"colors": "match"}),
    "--balance": ([], {"balance": True}),
    "--tv": (["3"], {"tv_weight": 3.0}),
    "--scales": (["24", "48"], {"scales": [24, 48]}),
    "--style-size": (["40"], {"style_size": 40}),
    "--start": (["filtered-noise"], {"start": "filtered noise"}),
}


@pytest.mark.parametrize("flag", WISHES)
def test_a_wish_reaches_the_recipe(tmp_path, asked, flag):
    values, wanted = WISHES[flag]
    output = ["-o", str(tmp_path / "result.png")]
    assert main(["transfer", "chelsea", "woodcut_wave", flag, *values, *output]) == 0
    assert {name: asked[0][name] for name in wanted} == wanted


def test_several_styles_come_with_their_shares_and_masks(tmp_path, asked):
    mask = tmp_path / "mask.png"
    Image.new("L", (30, 20), 255).save(mask)
    styles = ["woodcut_wave", "--style", "stained_glass", "2.5", "--style", "ink_mountains"]
    masks = ["--mask", str(mask), "--mask", "rest", "--mask", str(mask)]
    output = ["-o", str(tmp_path / "result.png")]
    assert main(["transfer", "chelsea", *styles, *masks, *output]) == 0
    assert [path.stem for path in asked[0]["style"]] == [
        "woodcut_wave",
        "stained_glass",
        "ink_mountains",
    ]
    assert asked[0]["style_shares"] == [1.0, 2.5, 1.0]
    assert asked[0]["masks"] == [mask, None, mask]


def test_all_wishes_together_make_a_picture(tmp_path):
    mask, output = tmp_path / "mask.png", tmp_path / "result.png"
    Image.new("L", (45, 30), 255).save(mask)
    styles = ["--style", "woodcut_wave", "1", "--style", "stained_glass", "3"]
    wishes = [*["--mask", str(mask)] * 2, "--keep-colors", "--balance", "--tv", "0.01"]
    sizes = ["--scales", "48", "96", "--style-size", "96", "--iterations", "1"]
    command = ["transfer", "chelsea", *styles, *wishes, *sizes, "--start", "tint"]
    assert main([*command, "-o", str(output)]) == 0
    assert images.load_image(output).shape == (1, 3, 64, 96)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chelsea"], "name a painting"),
        (["chelsea", "--style", "woodcut_wave", "much"], "its share, a number: woodcut_wave"),
        (["chelsea", "--style", "woodcut_wave", "1", "2"], "its share, a number: woodcut_wave"),
        (["chelsea", "woodcut_wave", "--mask", "gone.png"], "no mask file 'gone.png'"),
        (["chelsea", "woodcut_wave", "--mask", "rest", "--mask", "rest"], "2 masks for 1 styles"),
        (["chelsea", "woodcut_wave", "--scales", "48", "24"], "growing whole numbers"),
    ],
)
def test_a_wish_that_cannot_be_met_is_one_clear_line(tmp_path, capsys, arguments, words):
    assert main(["transfer", *arguments, "-o", str(tmp_path / "result.png")]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1


@pytest.fixture
def painter(tmp_path):
    network = feedforward.new_network(widths=(4, 6, 8), blocks=1)
    return str(feedforward.save_network(network, tmp_path / "net.safetensors"))


@pytest.fixture
def film(tmp_path):
    frames = [Image.effect_noise((24, 18), 60) for _ in range(3)]
    options = {"save_all": True, "append_images": frames[1:], "duration": [50, 120, 200]}
    frames[0].save(tmp_path / "film.gif", **options)
    return str(tmp_path / "film.gif")


@pytest.mark.parametrize(
    ("wishes", "shape"), [([], (300, 451)), (["--size", "64"], (43, 64)), (["--size", "2"], (1, 2))]
)
def test_a_photo_is_painted_in_one_pass(tmp_path, capsys, painter, wishes, shape):
    output = tmp_path / "result.png"
    assert main(["paint", "chelsea", "--net", painter, *wishes, "-o", str(output)]) == 0
    assert f"{output} ({shape[1]}x{shape[0]} px) in " in capsys.readouterr().out
    size = int(wishes[1]) if wishes else None
    photo = images.load_image(data.path("chelsea"), size=size)
    wanted = feedforward.paint(feedforward.load_painter(painter), photo)
    written = images.load_image(output)
    assert written.shape == (1, 3, *shape)
    assert (written - wanted).abs().max() < 0.6 / 255


def test_a_tiny_photo_keeps_its_size(tmp_path, painter):
    photo, output = tmp_path / "tiny.png", tmp_path / "result.jpg"
    Image.effect_noise((3, 2), 60).save(photo)
    assert main(["paint", str(photo), "--net", painter, "-o", str(output)]) == 0
    assert images.load_image(output).shape == (1, 3, 2, 3)


def test_a_folder_of_frames_is_painted_into_a_folder(tmp_path, capsys, painter):
    frames = tmp_path / "frames"
    frames.mkdir()
    for name in ("b.png", "a.jpg"):
        Image.effect_noise((24, 18), 60).save(frames / name)
    output = tmp_path / "painted"
    assert main(["paint", str(frames), "--net", painter, "--size", "16", "-o", str(output)]) == 0
    assert f"{output}: 2 frames" in capsys.readouterr().out
    assert sorted(os.listdir(output)) == ["a.png", "b.png"]
    assert images.load_image(output / "a.png").shape == (1, 3, 12, 16)
    assert sorted(os.listdir(frames)) == ["a.jpg", "b.png"]


@pytest.mark.parametrize("name", ["painted.gif", "painted"])
def test_a_gif_is_painted_frame_by_frame(tmp_path, capsys, painter, film, name):
    assert main(["paint", film, "--net", painter, "-o", str(tmp_path / name)]) == 0
    assert f"{name}: 3 frames" in capsys.readouterr().out
    clip = clips.open_clip(tmp_path / name)
    assert clip.count == 3
    assert clip.milliseconds == ([50, 120, 200] if name.endswith("gif") else [80] * 3)
    assert {frame.shape for frame in clip.frames} == {(1, 3, 18, 24)}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chelsea", "--net", "gone"], "no trained network 'gone'; give a file"),
        (["gone.jpg"], "no file 'gone.jpg'"),
        (["gone.gif"], "no file 'gone.gif'"),
        (["chelsea", "--size", "0"], "size is 0"),
        (["chelsea", "-o", "result.xyz"], ".png or .jpg"),
        (["chelsea", "-o", "gone/result.png"], "no folder 'gone'"),
        (["empty"], "no pictures in the folder 'empty'"),
    ],
)
def test_what_cannot_be_painted_is_one_clear_line(
    tmp_path, capsys, monkeypatch, painter, arguments, words
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    before = sorted(os.listdir())
    monkeypatch.setattr(feedforward, "paint", lambda *args: pytest.fail("painted in vain"))
    net = [] if "--net" in arguments else ["--net", painter]
    assert main(["paint", *arguments, *net]) == 2
    error = capsys.readouterr().err
    assert error.startswith("nstlib: ")
    assert words in error
    assert error.count("\n") == 1
    assert sorted(os.listdir()) == before


def test_a_damaged_network_is_one_clear_line(tmp_path, capsys, painter):
    with open(painter, "r+b") as file:
        file.truncate(2000)
    assert main(["paint", "chelsea", "--net", painter, "-o", str(tmp_path / "x.png")]) == 2
    assert "net.safetensors' is no network" in capsys.readouterr().err
