"""Train the pocket network from a teacher and a folder of pictures.

    python -m training.distill TEACHER PICTURES --output runs/pocket

TEACHER is a .safetensors file of the compressed VGG-19, or vgg16, vgg19, vgg16=FILE.pth. The run
leaves `pocket.safetensors`, `log.csv` and `log.png` in the output folder; started again with the
same arguments, it goes on from its last checkpoint.
"""

import argparse
import csv
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from nstlib.features import LAYERS, POCKET_WIDTHS
from training.fit import choose_channels, fit_layers
from training.measure import mean_activations, unexplained
from training.pictures import HELD_OUT, Pictures, vary
from training.student import Student, rescale
from training.teachers import Teacher, load_teacher
from training.visited import Visited

# Layers that transfers use count in full; the others guide.
LAYER_WEIGHTS = {layer: 1.0 if layer.endswith("conv1") else 0.3 for layer in LAYERS} | {
    "block2_conv2": 0.5,
    "block4_conv2": 1.0,
}


SMALLEST = 48  # px
LOG_EVERY = 50  # steps, whose mean is one row


@dataclass
class Settings:
    """What a training run depends on, beside the teacher and the pictures."""

    steps: int = 3000
    size: int = 128  # px of the crops
    large_size: int = 224  # px of the crops in the last part
    large_share: float = 0.25  # of the steps
    batch: int = 12  # crops of `size`; of larger ones as many as have the same number of pixels
    learning_rate: float = 1e-3
    warmup: int = 200
    clip: float = 1.0  # the gradient's largest norm
    average: float = 0.998  # decay of the moving average of the weights
    fit_batches: int = 24
    widths: tuple[int, ...] = POCKET_WIDTHS
    in_progress: int = 48  # transfers that grow during the training
    visited: int = 4  # of them in each batch; 0 for none
    seed: int = 0

    def __post_init__(self):
        if min(self.size, self.large_size) < SMALLEST:
            raise ValueError(f"crops need {SMALLEST} px or more, for 3 px in the deepest block")
        if self.steps < 1 or self.batch <= self.visited:
            raise ValueError("give at least one step, and a batch larger than what is visited")


def disagreement(answer: Tensor, wanted: Tensor, importance: Tensor) -> Tensor:
    """Measure how far answers are apart after the ReLU, with a gradient that no ReLU stops.

    The value is mean(importance * (relu(answer) - relu(wanted))^2). The gradient is what it would
    be if the last ReLU let everything through: a channel that is silent where it should answer is
    still pushed up, so none stays dead; where both are silent there is nothing to correct.

    Args:
        answer, wanted: (B, C, H, W), the student's and the teacher's values before the ReLU.
        importance: (1, C, 1, 1), weight per channel.

    Source: the matching loss of the ReLU, Kivinen and Warmuth 1997, "Relative Loss Bounds for
    Multidimensional Regression Problems": integrate relu(answer) - relu(wanted) over the answer.
    """
    return _MatchingLoss.apply(answer, wanted, importance)


class _MatchingLoss(torch.autograd.Function):
    @staticmethod
    def forward(context, answer, wanted, importance):
        error = F.relu(answer) - F.relu(wanted)
        weighed = error * importance
        context.save_for_backward(weighed)
        return (error * weighed).mean(dtype=torch.float32)

    @staticmethod
    def backward(context, slope):
        (weighed,) = context.saved_tensors
        return weighed * (2 * slope / weighed.numel()), None, None


class Training:
    """One training run: the student, its moving average, the optimiser and the random numbers.

    Args:
        teacher: as `load_teacher` gives it.
        pictures: to train on.
        settings: of the run.
        device: "cpu" or "cuda".
    """

    def __init__(self, teacher: Teacher, pictures: Pictures, settings: Settings, device="cpu"):
        self.teacher, self.pictures, self.settings = teacher.to(device), pictures, settings
        self.device, self.step = torch.device(device), 0
        torch.manual_seed(settings.seed)
        self.student = Student(settings.widths).to(device)
        self.average = Student(settings.widths).to(device).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.student.parameters(), lr=settings.learning_rate)
        batches = [self._batch(-1 - n, settings.size) for n in range(settings.fit_batches)]
        self.channels = choose_channels(self.teacher, settings.widths, batches[:4])
        self.importance = self._importance(batches[:4])
        self._fit_batches = batches
        self.visited = Visited(self._crop, settings.in_progress)

    def fit(self, report: Callable[[str], None] | None = None) -> None:
        """Set the student's layers by least squares: the start of a run that is not resumed.

        Args:
            report: called with a line per layer.
        """
        generator = torch.Generator().manual_seed(self.settings.seed)
        fit_layers(self.student, self.teacher, self.channels, self._fit_batches, generator, report)
        self.average.load_state_dict(self.student.state_dict())

    def run(self) -> Iterator[dict[str, float]]:
        """Train to the last step, yielding {layer: disagreement} of each step."""
        while self.step < self.settings.steps:
            yield self._train_one_step()

    def _train_one_step(self):
        settings = self.settings
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * self._schedule()
        large = self.step >= settings.steps * (1 - settings.large_share)
        images = [self._batch(self.step, settings.large_size if large else settings.size)]
        if settings.visited:
            generator = self._generator(self.step + 50_000)
            images.append(
                self.visited.advance(self._snapshot(), settings.visited, self.step, generator)
            )
        losses = self._losses(images)
        self.optimizer.zero_grad()
        sum(LAYER_WEIGHTS[layer] * value for layer, value in losses.items()).backward()
        norm = torch.nn.utils.clip_grad_norm_(self.student.parameters(), settings.clip)
        if not torch.isfinite(norm):
            raise FloatingPointError(f"step {self.step}: the gradient is not finite")
        self.optimizer.step()
        self.step += 1
        decay = min(settings.average, self.step / (self.step + 10))
        with torch.no_grad():
            for mean, new in zip(self.average.parameters(), self.student.parameters(), strict=True):
                mean.lerp_(new, 1 - decay)
        return {layer: float(value.detach()) for layer, value in losses.items()}

    def _losses(self, parts):
        """Compare student and teacher on batches of images: {layer: disagreement}."""
        losses, plain = dict.fromkeys(LAYERS, 0), self.student.plain()
        for images in parts:
            share = images.numel() / sum(map(torch.numel, parts))
            with self._autocast():
                with torch.no_grad():
                    wanted = self.teacher(images, self.channels)
                answers = self.student(images, plain)
                for layer in LAYERS:
                    loss = disagreement(answers[layer], wanted[layer], self.importance[layer])
                    losses[layer] = losses[layer] + share * loss
        return losses

    def finished(self, images: int = 300) -> dict[str, Tensor]:
        """Give the averaged weights as nstlib's, every layer at a mean activation of 1.

        Args:
            images: how many crops of the training pictures the mean is taken over.
        """
        student = Student(self.settings.widths).to(self.device)
        student.load_state_dict(self.average.state_dict())
        rescale(student, self._plain_images(images))
        return student.exported()

    def held_out_errors(self, known: int = 150) -> dict[str, float]:
        """Measure the averaged student on the pictures held out: {layer: share unexplained}.

        Args:
            known: how many crops of the training pictures the linear heads are fitted on.
        """
        held_out = [p[None].to(self.device) / 255 for p in self.pictures.held_out.values()]
        known = self._plain_images(known)
        return unexplained(self.average.features, self.teacher, known, held_out)

    def dead_channels(self) -> int:
        """Count the channels of the averaged student that never answer on 100 pictures."""
        means = mean_activations(self.average.features, self._plain_images(100))
        return sum(int((mean == 0).sum()) for mean in means.values())

    def state(self) -> dict:
        """Everything needed to go on later. Random numbers depend on the step alone."""
        return {
            "settings": asdict(self.settings),
            "step": self.step,
            "student": self.student.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "visited": self.visited.entries,
            "channels": self.channels,
            "importance": self.importance,
            "pictures": self.pictures.names,
        }

    def resume(self, state: dict) -> None:
        """Go on from `state`.

        Raises:
            ValueError: it was made with other settings, pictures or another teacher.
        """
        if state["settings"] != asdict(self.settings):
            raise ValueError(f"the checkpoint has other settings: {state['settings']}")
        if state["pictures"] != self.pictures.names:
            raise ValueError("the checkpoint was made with other pictures")
        if any(not torch.equal(state["channels"][k], self.channels[k]) for k in LAYERS):
            raise ValueError("the checkpoint was made with another teacher")
        self.step = state["step"]
        self.student.load_state_dict(state["student"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.visited.entries = state["visited"]
        self.importance = state["importance"]

    def _schedule(self):
        warm = min(1.0, (self.step + 1) / self.settings.warmup)
        return warm * 0.5 * (1 + math.cos(math.pi * self.step / self.settings.steps))

    def _batch(self, step, size):
        generator = self._generator(step)
        count = self.settings.batch - self.settings.visited
        count = max(1, round(count * (self.settings.size / size) ** 2))
        return vary(self.pictures.crops(count, size, generator), generator).to(self.device)

    def _generator(self, step):
        return torch.Generator().manual_seed(self.settings.seed * 1_000_003 + step + 100_000)

    def _crop(self, paintings, generator):
        return self.pictures.crops(1, self.settings.size, generator, paintings).to(self.device)

    def _snapshot(self):
        """The averaged student as it is now: images -> {layer: after the ReLU}."""
        with torch.no_grad():
            plain = self.average.plain()

        def features(images):
            with self._autocast():
                answers = self.average(images, plain)
            return {layer: F.relu(answer) for layer, answer in answers.items()}

        return features

    def _plain_images(self, count):
        generator = torch.Generator().manual_seed(self.settings.seed + 1)
        return [self.pictures.crops(1, 192, generator).to(self.device) for _ in range(count)]

    def _autocast(self):
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    @torch.no_grad()
    def _importance(self, batches):
        """Weigh channels between "as they are" and "all alike", as one over a layer's variance."""
        importance = {}
        answers = [self.teacher(images, self.channels) for images in batches]
        for layer in LAYERS:
            values = torch.cat([a[layer].movedim(1, 0).flatten(1) for a in answers], 1)
            variance = F.relu(values).var(1)
            weights = (variance * variance.mean()).clamp_min(1e-12).rsqrt()
            importance[layer] = weights.clamp_max(10 / variance.mean()).reshape(1, -1, 1, 1)
        return importance


def train(training: Training, folder: Path, *, save_every: int = 500, progress: bool = True):
    """Run a training to its end, leaving log, plot and checkpoint in `folder`.

    Goes on from the checkpoint in `folder` when there is one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        training.resume(torch.load(checkpoint, weights_only=True, map_location=training.device))
        _cut_log(folder / "log.csv", training.step)
    else:
        (folder / "log.csv").unlink(missing_ok=True)
        training.fit(report=print if progress else None)
        _save(training, checkpoint)
    bar = tqdm(total=training.settings.steps, initial=training.step, disable=not progress)
    rows, started = [], time.perf_counter()
    for losses in training.run():
        bar.update()
        rows.append(losses)
        if training.step % LOG_EVERY == 0 or training.step == training.settings.steps:
            means = {layer: sum(r[layer] for r in rows) / len(rows) for layer in LAYERS}
            row = {"step": training.step, "seconds": round(time.perf_counter() - started, 1)}
            _log(folder / "log.csv", row | {layer: f"{v:.5g}" for layer, v in means.items()})
            rows, started = [], time.perf_counter()
        if training.step % save_every == 0:
            _save(training, checkpoint)
    bar.close()
    _save(training, checkpoint)
    plot(folder / "log.csv", folder / "log.png")


def plot(log: Path, file: Path) -> None:
    """Draw a log's curves, one per layer."""
    from matplotlib.figure import Figure

    with log.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    for number, layer in enumerate(LAYERS):
        values = [float(row[layer]) for row in rows]
        color = f"C{int(layer[5]) - 1}"
        alpha = 1 - 0.25 * (number % 3)
        axes.plot([int(row["step"]) for row in rows], values, color=color, alpha=alpha, label=layer)
    axes.set(xlabel="step", ylabel="disagreement with the teacher (share of variance)")
    axes.set_yscale("log")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(file)


def _log(file, row):
    new = not file.exists()
    with file.open("a", newline="") as lines:
        writer = csv.DictWriter(lines, row)
        if new:
            writer.writeheader()
        writer.writerow(row)


def _cut_log(file, step):
    """Drop what was logged after the checkpoint, so that no step appears twice."""
    if file.exists():
        head, *rows = file.read_text().splitlines(keepends=True) or [""]
        file.write_text(head + "".join(r for r in rows if int(r.partition(",")[0]) <= step))


def _save(training, file):
    partial = file.with_suffix(".partial")
    torch.save(training.state(), partial)
    partial.replace(file)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m training.distill",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("teacher", metavar="TEACHER")
    parser.add_argument("pictures", metavar="PICTURES", type=Path)
    parser.add_argument("--output", type=Path, default=Path("runs/pocket"), metavar="FOLDER")
    best = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=best, choices=["cpu", "cuda"])
    parser.add_argument("--held-out", default=HELD_OUT, metavar="REGEX", help="names to hold out")
    defaults = Settings()
    for name in ("steps", "batch", "size", "large_size", "learning_rate", "visited", "seed"):
        value = getattr(defaults, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    options = vars(parser.parse_args(arguments))
    name, source = options.pop("teacher"), options.pop("pictures")
    folder, device = options.pop("output"), options.pop("device")
    pictures = Pictures(source, options.pop("held_out"))
    if not pictures.held_out:
        parser.error(f"no picture in {str(source)!r} is held out; --held-out says which")
    training = Training(load_teacher(name), pictures, Settings(**options), device)
    train(training, folder)
    settings = json.dumps(asdict(training.settings))
    described = {"format": "pt", "teacher": Path(name).name, "settings": settings}
    save_file(training.finished(), folder / "pocket.safetensors", metadata=described)
    for layer, share in training.held_out_errors().items():
        print(f"{layer}: {share:.3f} of the teacher's variance unexplained on held-out pictures")
    print(f"dead channels: {training.dead_channels()}")


if __name__ == "__main__":
    main()
