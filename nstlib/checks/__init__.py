"""What exercise cells call: `checks.gram_matrix(gram_matrix)` says in a sentence what it found.

A check tries a learner's function on small fixed tensors, never on pretrained features or photos,
so that no other version of a library breaks it. It prints one sentence, and returns a Verdict that
is true if the answer is right. An exception in the function becomes a sentence too.
"""

from nstlib.checks.chapter1 import (
    average_pool,
    content_loss,
    content_objective,
    network_input,
)
from nstlib.checks.chapter2 import gram_matrix, shuffle_positions, style_loss, texture_objective
from nstlib.checks.chapter3 import add_smoothing, total_variation, weigh, weighted_style_loss
from nstlib.checks.chapter4 import balance, guided_gram, keep_colors, mix_targets, pulls
from nstlib.checks.chapter5 import mean_color, paste, region_loss, region_masks
from nstlib.checks.chapter6 import adain, blend, enlarge, instance_norm
from nstlib.checks.chapter7 import add_detail, best_guess, pixel_shuffle, psnr
from nstlib.checks.loop import descend
from nstlib.checks.verdicts import Check, Mistake, Verdict, gives

ALL = (
    network_input,
    average_pool,
    content_loss,
    content_objective,
    descend,
    gram_matrix,
    shuffle_positions,
    style_loss,
    texture_objective,
    weighted_style_loss,
    total_variation,
    weigh,
    add_smoothing,
    pulls,
    balance,
    keep_colors,
    guided_gram,
    mix_targets,
    region_masks,
    paste,
    mean_color,
    region_loss,
    instance_norm,
    adain,
    blend,
    enlarge,
    pixel_shuffle,
    best_guess,
    psnr,
    add_detail,
)

__all__ = ["ALL", "Check", "Mistake", "Verdict", "gives", *(check.name for check in ALL)]
