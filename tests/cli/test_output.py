"""Standard output that cannot be written ends a command in one line, and not in silence."""

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")
COMMAND = [sys.executable, "-c", "from chainrule.cli.main import main; main()"]
FIT = ["fit", "t.csv", "--target", "y", "--epochs", "1", "--no-report"]

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, a device without room")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a,y\n" + "".join(f"{k},{2 * k}\n" for k in range(40)))
    return tmp_path


def ended(arguments, **streams):
    return subprocess.run(
        [*COMMAND, *arguments], stderr=subprocess.PIPE, text=True, check=False, **streams
    )


def complaints(done):
    return [line for line in done.stderr.splitlines() if not line.startswith("epoch ")]


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["--help"], ["fit", "--help"], FIT, [*FIT, "--json"], [*FIT, "--quiet"]],
)
def test_a_full_device_ends_a_command_in_one_line(arguments):
    with FULL.open("w") as full:
        done = ended(arguments, stdout=full)
    assert done.returncode == 2
    expected = "error: standard output cannot be written: No space left on device"
    assert complaints(done) == [expected]


def test_a_full_device_ends_a_prediction_in_one_line():
    assert ended([*FIT, "--quiet", "--out", "m"], stdout=subprocess.DEVNULL).returncode == 0
    with FULL.open("w") as full:
        done = ended(["predict", "m", "t.csv"], stdout=full)
    assert done.returncode == 2
    assert len(complaints(done)) == 1


def test_a_plan_that_cannot_be_shown_ends_the_fit_before_its_training():
    with FULL.open("w") as full:
        ended(FIT, stdout=full)
    assert [path.name for path in Path().iterdir()] == ["t.csv"]


def test_without_a_standard_output_a_fit_is_written_all_the_same():
    closed = f"{sys.executable} -c 'from chainrule.cli.main import main; main()' \"$@\" >&-"
    done = subprocess.run(
        ["sh", "-c", closed, "sh", *FIT, "--out", "m"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, complaints(done)) == (0, [])
    assert Path("m/model.chainrule").is_file()


def test_the_error_of_a_file_is_not_taken_for_that_of_the_output(monkeypatch):
    from chainrule.cli import main

    def refuse(_):
        raise PermissionError(13, "Permission denied", "a.csv")

    monkeypatch.setattr(main, "run", refuse)
    with pytest.raises(PermissionError):
        main.main([])
