"""Progress of a training, on standard error."""

from tests.training.problems import trained


def test_progress_is_written_to_standard_error_in_lines(capsys):
    trained(epochs=20, progress=True)
    out, err = capsys.readouterr()
    assert not out
    lines = err.splitlines()
    assert lines[0].startswith("epoch 1/20  loss ")
    assert lines[-1].startswith("epoch 20/20  loss ")
    assert 5 <= len(lines) <= 15


def test_without_progress_nothing_is_written(capsys):
    trained()
    assert capsys.readouterr() == ("", "")
