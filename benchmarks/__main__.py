"""The command: ``python -m benchmarks [WORK ...]``."""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import ensemble, estimators, machine, picture, products, report, scaling
from benchmarks.figures import Measured
from benchmarks.rounds import measure
from benchmarks.worker import LeftOutError
from benchmarks.works import WORKS

RESULTS = Path(__file__).parent / "results"
ROUNDS, RUN_SECONDS = 7, 0.35
QUICK_ROUNDS, QUICK_RUN_SECONDS = 3, 0.1
EXTRAS = ("ensemble", "scaling", "products", *estimators.WAYS)  # works of another kind
WIDTH = 130  # of the tables where there is no terminal to ask


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time training steps of chainrule, scikit-learn, PyTorch and JAX, in turns.",
    )
    names = ", ".join((*WORKS, *EXTRAS))
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"of {names}; all by default")
    parser.add_argument(
        "--rounds", type=_positive, help=f"how often each runs, by default {ROUNDS}"
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--threads", type=_positive, help="the most that each may use")
    parser.add_argument("--order", type=int, default=0, help="seed of the orders of the rounds")
    parser.add_argument("--json", type=Path, help="the file for the figures; a picture beside it")
    options = parser.parse_args(arguments)
    for name in options.works:
        if name not in WORKS and name not in EXTRAS:
            parser.error(f"unknown work {name!r}; there are {names}")
    return options


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return value


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks.

    Returns:
        0; 1 if an opponent did not learn the same, so that its times mean nothing; 2 if something
        without which there are no figures failed; 130 after Ctrl-C. A target that is not reached
        is no failure: a benchmark is not a test.
    """
    options = _options(arguments)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    started = time.strftime("%Y-%m-%d-%H%M%S")
    about = machine.describe()
    console.print(_machine_line(about), style="dim", highlight=False)
    try:
        found = _measured(options, console)
        extras = _extras(options, console, started)
    except LeftOutError as error:
        console.print(f"The benchmarks end here: {error}", style="red", highlight=False)
        return 2
    except KeyboardInterrupt:
        console.print("Interrupted: nothing is written.")
        return 130
    if found:
        console.print(report.summary(found))
        for line in report.notes(found):
            console.print(line, style="dim", highlight=False)
    _write(options, started, about, found, extras, console)
    return int(any(m.disagreements() for m in found))


def _measured(options: argparse.Namespace, console: Console) -> list[Measured]:
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    seconds = QUICK_RUN_SECONDS if options.quick else RUN_SECONDS
    found = []
    for name in options.works or WORKS:
        if name in EXTRAS:
            continue
        with console.status(name) as status:
            found.append(
                measure(
                    WORKS[name], rounds=rounds, seconds=seconds, threads=options.threads,
                    order=options.order, say=lambda text, n=name: status.update(f"{n}: {text}"),
                )
            )  # fmt: skip
        console.print(report.table(found[-1]))
    return found


def _extras(options: argparse.Namespace, console: Console, started: str) -> dict[str, Any]:
    """The works that measure the library against itself, and its estimators."""
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    wanted = [name for name in EXTRAS if not options.works or name in options.works]
    found = {}
    for name in wanted:
        with console.status(name):
            if name == "ensemble":
                found[name] = ensemble.run(console, rounds)
            elif name in estimators.WAYS:
                found[name] = estimators.WAYS[name](console, rounds)
            elif name == "products":
                found[name] = products.run(console, rounds)
            else:
                file: Path = options.json or RESULTS / f"{started}.json"
                file.parent.mkdir(parents=True, exist_ok=True)
                place = file.with_name(f"{file.stem}-scaling.png")
                found[name] = scaling.run(console, rounds, place)
    return found


def _machine_line(about: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return f"{about['processor']}, {about['cores']} cores; Python {about['python']}, {versions}"


def _write(
    options: argparse.Namespace, started: str, about: dict[str, Any], found: list[Measured],
    extras: dict[str, Any], console: Console,
) -> None:  # fmt: skip
    file: Path = options.json or RESULTS / f"{started}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    data = {
        "started": started,
        "machine": about,
        "options": {k: v for k, v in vars(options).items() if k != "json"},
        "works": {m.work.name: report.as_data(m) for m in found},
        "extras": extras,
    }
    file.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    if not found:
        console.print(f"Written: {os.path.relpath(file)}")
        return
    pictures = [file.with_suffix(ending) for ending in (".png", ".svg")]
    caption = f"{about['processor']}, {about['cores']} cores; medians of the rounds of one run"
    if any(m.disturbed for m in found):
        caption += "; not to be quoted: others kept the machine busy"
    picture.draw(found, pictures, caption)
    console.print(f"Written: {os.path.relpath(file)} and the picture beside it, as .png and .svg")


if __name__ == "__main__":
    sys.exit(main())
