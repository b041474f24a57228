"""The command line: `python -m nstlib transfer PHOTO PAINTING -o OUT.png`."""

import argparse
import sys
from pathlib import Path

from nstlib import data


def main(arguments: list[str] | None = None) -> int:
    """Run one recipe on pictures from files (or built-in names); return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except (ValueError, OSError, FloatingPointError, MemoryError, ModuleNotFoundError) as error:
        print(f"nstlib: {error}", file=sys.stderr)
        return 2


def _transfer(options: argparse.Namespace) -> int:
    from nstlib import recipes

    named = ([[options.painting]] if options.painting else []) + options.style
    if not named:
        raise ValueError("name a painting, as PAINTING or with --style")
    passed = ("content_weight", "tv_weight", "balance", "colors", "style_size", "scales")
    result = recipes.transfer(
        _picture(options.photo),
        [_picture(name) for name, *_ in named],
        style_shares=[_share(*entry) for entry in named],
        masks=[_mask(name) for name in options.mask] or None,
        start=options.start.replace("-", " "),
        **{name: getattr(options, name) for name in passed},
        **_shared(options),
    )
    return _report(result, options)


def _content(options: argparse.Namespace) -> int:
    from nstlib import recipes

    picture = _picture(options.photo)
    result = recipes.reconstruct_content(picture, layer=options.layer, **_shared(options))
    return _report(result, options)


def _style(options: argparse.Namespace) -> int:
    from nstlib import recipes

    picture = _picture(options.painting)
    result = recipes.reconstruct_style(picture, layers=options.layers, **_shared(options))
    return _report(result, options)


def _paint(options: argparse.Namespace) -> int:
    """Paint a photo, a folder of frames or an animated GIF in one pass each."""
    import time

    from tqdm import tqdm

    from nstlib import clips, feedforward, images

    painter, path = feedforward.load_painter(options.net), Path(options.photo)
    if path.is_dir() or path.suffix.lower() == ".gif":
        clip = clips.open_clip(path, size=options.size)
        output = clips.check_output(options.output or "painted.gif", clip)
        bar = tqdm(clip.frames, total=clip.count, unit="frame")
        clips.save_clip((feedforward.paint(painter, frame) for frame in bar), clip, output)
        print(f"{output}: {clip.count} frames")
        return 0
    output = options.output or Path("painted.png")
    images.picture_format(output)
    photo = images.load_image(_picture(options.photo), size=options.size)
    begun = time.perf_counter()
    painted = feedforward.paint(painter, photo)
    seconds = time.perf_counter() - begun
    height, width = painted.shape[2:]
    print(f"{images.save_image(painted, output)} ({width}x{height} px) in {seconds:.2f} s")
    return 0


def _list_weights(options: argparse.Namespace) -> int:
    from nstlib import checkpoints, pretrained

    print("pocket: in nstlib")
    for network in checkpoints.NAMES:
        file, published = pretrained.find(network), pretrained.downloaded(network)
        missing = f"not here; `weights get {network}` downloads {published.megabytes} MB"
        print(f"{network}: {file or missing}")
    return 0


def _get_weights(options: argparse.Namespace) -> int:
    from nstlib import pretrained

    weights = pretrained.load(options.name)
    print(f"{weights.network}: {weights.source}, normalization {weights.normalization}")
    return 0


def _import_weights(options: argparse.Namespace) -> int:
    from nstlib import pretrained

    named = {"network": options.network, "normalization": options.normalization}
    weights = pretrained.import_file(options.file, **named)
    print(f"{weights.network}: {pretrained.cache_path(weights.network)}")
    return 0


def _verify_weights(options: argparse.Namespace) -> int:
    from nstlib import checkpoints, pretrained

    data.weights("pocket")
    print("pocket: as published")
    damaged = 0
    for network in checkpoints.NAMES:
        if (file := pretrained.find(network)) is not None:
            try:
                print(f"{network}: whole, from {pretrained.read(file, network=network).source}")
            except ValueError as error:
                damaged += 1
                print(f"{network}: {error}")
    return 1 if damaged else 0


def _shared(options: argparse.Namespace) -> dict:
    from nstlib import images

    images.picture_format(options.output)  # fail before the run, not after it
    names = ("size", "iterations", "seed")
    return {"network": _network(options)} | {name: getattr(options, name) for name in names}


def _network(options: argparse.Namespace):
    from nstlib import features

    return features.load_network(options.network, weights=options.weights, device=options.device)


def _picture(name: str) -> Path:
    """Take a file's path, or else the name of a built-in picture or one on the web."""
    if Path(name).exists():
        return Path(name)
    if name in data.ON_THE_WEB:
        return data.fetch(name)
    if name not in data.names():
        raise FileNotFoundError(f"no file {name!r}; check the path")  # before a long download
    return data.path(name)


def _share(name: str, share: str = "1", *more: str) -> float:
    try:
        return float(share if not more else "")
    except ValueError as error:
        raise ValueError(f"give --style a picture and its share, a number: {name}") from error


def _mask(name: str) -> Path | None:
    if name != "rest" and not Path(name).exists():
        raise FileNotFoundError(f"no mask file {name!r}; check the path, or write rest")
    return None if name == "rest" else Path(name)


def _report(result, options: argparse.Namespace) -> int:
    from nstlib import images

    for number, terms in enumerate(result.history):
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in terms.items())
        print(f"iteration {number:3d}  {numbers}")
    path = images.save_image(result.image, options.output)
    height, width = result.image.shape[2:]
    print(f"{result.stop_reason} in {result.seconds:.1f} s: {path} ({width}x{height} px)")
    return 0 if result.stop_reason in ("finished", "converged") else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m nstlib",
        description="Neural style transfer on your own pictures.",
        epilog=f"Built-in pictures may be named instead of files: {', '.join(data.names())}; "
        f"and pictures on the web: {', '.join(data.ON_THE_WEB)}.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    transfer = commands.add_parser("transfer", help="paint a photo in a painting's style")
    transfer.add_argument("photo", metavar="PHOTO")
    transfer.add_argument("painting", metavar="PAINTING", nargs="?")
    _add_wishes(transfer.add_argument)
    content = commands.add_parser("content", help="rebuild a photo from one layer's features")
    content.add_argument("photo", metavar="PHOTO")
    content.add_argument("--layer", help="default: block5_conv1")
    style = commands.add_parser("style", help="rebuild a painting's texture")
    style.add_argument("painting", metavar="PAINTING")
    style.add_argument("--layers", nargs="+", help="default: conv1 of all five blocks")
    runs = {transfer: (_transfer, 512), content: (_content, 256), style: (_style, 256)}
    for command, (function, size) in runs.items():
        command.set_defaults(command=function)
        _add_shared(command, size)
    _add_paint(commands)
    _add_weights(commands)
    return parser


def _add_wishes(add) -> None:
    """Offer the options of a transfer that chapters 4 and 5 explain."""
    share = ("PAINTING", "SHARE")
    add("--content-weight", type=float, help="default 0.3, with --balance 0.02")
    add("--tv", type=float, dest="tv_weight", metavar="WEIGHT", help="total variation; default 10")
    add("--balance", action="store_true", help="take the weights for shares of the pull")
    add("--start", default="content", help="content, noise, filtered-noise, style or tint")
    add("--style", nargs="+", action="append", default=[], metavar=share, help="one more painting")
    add("--mask", action="append", default=[], metavar="FILE", help="where a style goes; or: rest")
    colors = {"action": "store_const", "dest": "colors", "default": "painting"}
    add("--keep-colors", const="photo", help="paint the photo's luminance only", **colors)
    add("--match-colors", const="match", help="give the painting the photo's colours", **colors)
    add("--style-size", type=int, metavar="PX", help="paintings' longer side: smaller strokes")
    add("--scales", type=int, nargs="+", metavar="PX", help="coarse to fine, such as 128 256 512")


def _add_paint(commands) -> None:
    built_in = ", ".join(data.painters())
    paint = commands.add_parser("paint", help="paint in one pass with a trained network")
    paint.add_argument("photo", metavar="PHOTO", help="or a folder of frames, or an animated GIF")
    paint.add_argument("--net", required=True, metavar="NAME", help=f"{built_in}, or a file")
    paint.add_argument("--size", type=int, help="longer side in px; default: as it is")
    paint.add_argument("-o", "--output", type=Path, metavar="FILE", help="or a folder of frames")
    paint.set_defaults(command=_paint)


def _add_weights(commands) -> None:
    names = "vgg16, vgg19 or squeezenet1_1"
    about = "weights of published networks: list, get, import, verify"
    verbs = commands.add_parser(
        "weights", help=about, description=about.capitalize()
    ).add_subparsers(required=True, metavar="COMMAND")
    listed = verbs.add_parser("list", help="say which weights are here, and where")
    listed.set_defaults(command=_list_weights)
    get = verbs.add_parser("get", help="find or download a network's weights")
    get.add_argument("name", metavar="NAME", help=names)
    get.set_defaults(command=_get_weights)
    take = verbs.add_parser("import", help="bring a file from a stick: .pth, .safetensors or .h5")
    take.add_argument("file", metavar="FILE")
    take.add_argument("--network", help=f"of an unknown file: {names}")
    take.add_argument("--normalization", help="of an unknown file: imagenet, caffe or keras")
    take.set_defaults(command=_import_weights)
    verify = verbs.add_parser("verify", help="read each network's weights and check them")
    verify.set_defaults(command=_verify_weights)


def _add_shared(command: argparse.ArgumentParser, size: int) -> None:
    add = command.add_argument
    add("-o", "--output", type=Path, default=Path("generated.png"), help="default %(default)s")
    add("--size", type=int, default=size, help="longer side in px, default %(default)s")
    add("--network", default="pocket", help="pocket, vgg16, vgg19, squeezenet1_1 or random")
    add("--weights", metavar="FILE", help="of a published network")
    add("--device", help="cpu, cuda or mps; default: the best one here")
    add("--iterations", type=int, default=10, help="of 20 evaluations each, default %(default)s")
    add("--seed", type=int, default=0, help="of the noise, default %(default)s")


if __name__ == "__main__":
    sys.exit(main())
