"""Model files that were damaged or made to do harm: an error, or the right model, and nothing else.

    python tests/soak/model_files.py --files 2000

Each file is read in a child that watches itself: what is run, opened for writing, started and
allocated. It must raise the error of a model file, or give a model that predicts what the undamaged
one predicts, and take no more memory or time than its size explains. A file that was written anew
with other numbers in it, sums and all, may be another model.
"""

import argparse
import os
import random
import resource
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from damage import WAYS, WRITTEN_ANEW

import chainrule as cr
from chainrule.tables.errors import TableError

MEMORY = 64 << 20  # bytes beyond the file's size that reading may take: buffers, imports, a parser
SECONDS = 60  # after which a file that is still being read ends the run as endless
RNG = np.random.default_rng(0)


def table():
    rows = 120
    frame = pd.DataFrame(
        {
            "size": RNG.normal(size=rows),
            "colour": RNG.choice(["red", "green", "blue"], rows),
            "place": RNG.choice([f"p{k}" for k in range(40)], rows),
            "day": pd.date_range("2024-01-01", periods=rows).strftime("%Y-%m-%d"),
            "ok": RNG.choice(["yes", "no"], rows),
        }
    )
    frame.loc[::9, "size"] = np.nan
    frame["y"] = frame["size"].fillna(0) + (frame["colour"] == "red")
    return frame


FORBIDDEN = (
    "os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen", "pickle.find_class",
    "shutil.", "os.remove", "os.rename", "os.mkdir", "socket.", "exec",
)  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


def forbidden(event, arguments):
    """Whether reading a model has no business to do this."""
    if event == "open":
        return bool(arguments[2] & WRITING)
    return event.startswith(FORBIDDEN)


def descendants():
    """The processes that this one has started, and their own, where the system tells."""
    children = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        children.setdefault(int(after[1]), []).append(int(stat.parent.name))
    found, waiting = [], [os.getpid()]
    while waiting:
        new = children.get(waiting.pop(), [])
        found += new
        waiting += new
    return found


def most_memory():
    """The most that this process and those that it has waited for ever held, in bytes."""
    return 1024 * sum(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


def read_in_child(path, frame, expected, size):
    """What reading the file came to, told by the child's exit code."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)
    code = 99
    signal.alarm(SECONDS)
    try:
        before = most_memory()
        seen = []

        def audit(event, arguments):
            if forbidden(event, arguments):
                seen.append((event, str(arguments)[:200]))

        sys.addaudithook(audit)
        try:
            model = cr.load_model(path)
            found = model.predict(frame).values
            code = 1 if np.array_equal(found, expected) else 2
        except TableError:
            code = 0
        except MemoryError:
            code = 3
        started = descendants()
        for process in started:
            os.kill(process, signal.SIGKILL)
        if most_memory() - before > MEMORY + 20 * size:
            code = 4
        if started:
            code = 8
        if seen:
            print(seen[:3], file=sys.stderr)
            code = 5
    except BaseException as error:
        print(type(error).__name__, error, file=sys.stderr)
        code = 6
    os._exit(code)


MEANING = {
    0: "refused", 1: "the right model", 2: "WRONG PREDICTIONS", 3: "MEMORY ERROR",
    4: "TOO MUCH MEMORY", 5: "RAN CODE", 6: "ANOTHER ERROR", 7: "another model",
    8: "STARTED PROCESSES", -signal.SIGALRM: "ENDLESS",
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    frame = table()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.chainrule")
        model = cr.table_model(frame, "y", epochs=3, hidden=(8,), ensemble=2)
        cr.save_model(model, path)
        content = path.read_bytes()
        expected = cr.load_model(path).predict(frame).values
        counts: Counter[tuple[str, str]] = Counter()
        for number in range(options.files):
            way = WAYS[number % len(WAYS)]
            broken = way(content, chance)
            path.write_bytes(broken)
            code = read_in_child(path, frame, expected, len(broken))
            if code == 2 and way in WRITTEN_ANEW:
                code = 7
            meaning = MEANING.get(code, f"CRASHED ({code})")
            counts[way.__name__, meaning] += 1
            if code not in (0, 1, 7):
                kept = Path(tempfile.gettempdir(), f"model-{number}.chainrule")
                kept.write_bytes(broken)
                print(f"file {number} ({way.__name__}): {meaning}; kept as {kept}")
    for (way, meaning), count in sorted(counts.items()):
        print(f"{way:15} {meaning:18} {count}")
    sys.exit(any(meaning.isupper() or "CRASHED" in meaning for _, meaning in counts))


if __name__ == "__main__":
    main()
