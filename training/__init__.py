"""How the pocket network was made, and can be made again: `python -m training.distill --help`.

Needs a teacher network and a folder of pictures, neither of which is part of this project.
"""
