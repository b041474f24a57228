"""Neural style transfer that can be taught: a small helper library for the chapters in `notebooks`.

Import the module you need (`from nstlib import images, losses`); this package imports nothing by
itself, so that `import nstlib` is instant and asks for no torch.
"""

__version__ = "0.1.0"
