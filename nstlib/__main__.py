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
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"nstlib: {error}", file=sys.stderr)
        return 2


def _transfer(options: argparse.Namespace) -> int:
    from nstlib import recipes

    result = recipes.transfer(
        _picture(options.photo),
        _picture(options.painting),
        content_weight=options.content_weight,
        start=options.start,
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
    layers = options.layers or recipes.STYLE_LAYERS
    return _report(recipes.reconstruct_style(picture, layers=layers, **_shared(options)), options)


def _shared(options: argparse.Namespace) -> dict:
    from nstlib import images

    images.picture_format(options.output)  # fail before the run, not after it
    names = ("network", "size", "iterations", "seed")
    return {name: getattr(options, name) for name in names}


def _picture(name: str) -> Path:
    """Take a file's path, or else the name of a built-in picture."""
    return data.path(name) if not Path(name).exists() and name in data.names() else Path(name)


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
        epilog=f"Built-in pictures may be named instead of files: {', '.join(data.names())}.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    transfer = commands.add_parser("transfer", help="paint a photo in a painting's style")
    transfer.add_argument("photo", metavar="PHOTO")
    transfer.add_argument("painting", metavar="PAINTING")
    transfer.add_argument("--content-weight", type=float, default=0.3, help="default %(default)s")
    transfer.add_argument("--start", default="content", help="content, noise or style")
    content = commands.add_parser("content", help="rebuild a photo from one layer's features")
    content.add_argument("photo", metavar="PHOTO")
    content.add_argument("--layer", default="block5_conv1", help="default %(default)s")
    style = commands.add_parser("style", help="rebuild a painting's texture")
    style.add_argument("painting", metavar="PAINTING")
    style.add_argument("--layers", nargs="+", help="default: conv1 of all five blocks")
    runs = {transfer: (_transfer, 512), content: (_content, 256), style: (_style, 256)}
    for command, (function, size) in runs.items():
        command.set_defaults(command=function)
        _add_shared(command, size)
    return parser


def _add_shared(command: argparse.ArgumentParser, size: int) -> None:
    add = command.add_argument
    add("-o", "--output", type=Path, default=Path("generated.png"), help="default %(default)s")
    add("--size", type=int, default=size, help="longer side in px, default %(default)s")
    add("--network", default="pocket", help="pocket or random")
    add("--iterations", type=int, default=10, help="of 20 evaluations each, default %(default)s")
    add("--seed", type=int, default=0, help="of the noise, default %(default)s")


if __name__ == "__main__":
    sys.exit(main())
