"""Files of sensor readings: what they may look like, what is refused, and how they are split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from labloom.errors import ConfigError, DataError
from labloom_robotics.data.readings import ReadingsData
from labloom_robotics.data.readings_file import find_file, read_readings

ROWS = ["0.5,1.5,left", "0.25,3,right", "1e1,-2,left"]
BLOCKS = "normal\n\t-1\t2\t3\n\t4\t5\t6\n\n\ncrash\n\t7\t8\t9\n\t0\t0\t1\n"


@pytest.fixture
def written(tmp_path):
    """Writes a file of readings; its path."""

    def write(text: str, name: str = "readings.csv") -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def many(count: int = 40) -> str:
    """Samples of two classes, three quarters of them "go", with sensors that tell them apart."""
    random = np.random.default_rng(0)
    lines = []
    for i in range(count):
        label = "stop" if i % 4 == 0 else "go"
        near = random.uniform(0, 1) + (0 if label == "stop" else 2)
        lines.append(f"{near:.3f},{random.uniform(4, 5):.3f},7,{label}")
    return "\n".join(lines)


@pytest.mark.parametrize("mark", [",", ";", "\t", "  "])
@pytest.mark.parametrize("names", [[], ["S1,S2,OUTPUT"]])
def test_a_table_is_read_with_and_without_names_and_with_any_mark(mark, names, written):
    file = written("\n".join([*names, *ROWS, ""]).replace(",", mark))
    values, labels, classes = read_readings(file)
    assert values.tolist() == [[0.5, 1.5], [0.25, 3.0], [10.0, -2.0]]
    assert classes == ["left", "right"]
    assert labels.tolist() == [0, 1, 0]


def test_labels_may_be_numbers(written):
    assert read_readings(written("0.5,1\n0.25,2\n")).classes == ["1", "2"]


def test_a_byte_order_mark_and_line_ends_of_windows_are_no_part_of_a_cell(written):
    file = written("\ufeff" + "\r\n".join(ROWS))
    assert read_readings(file).classes == ["left", "right"]


def test_blocks_are_a_label_and_a_line_for_each_moment(written):
    values, labels, classes = read_readings(written(BLOCKS))
    assert values.shape == (2, 2, 3)
    assert values[1].tolist() == [[7, 8, 9], [0, 0, 1]]
    assert [classes[i] for i in labels] == ["normal", "crash"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("S1,S2,OUTPUT\n", "nothing below"),
        ("?,2,a\n1,2,b\n", "line 1, column 1 is no number"),
        ("1,2,a\n1,b\n", "line 2 does not fit the lines before"),
        ("1,2,a\n1,2,\n", "line 2 does not fit the lines before"),
        ("1,2,a\n\n1,x,b\n", "line 3, column 2 is no number"),
        ("1,2,a\n1,nan,b\n", "line 2, column 2 is no number"),
        ("1,2,a\n3,4,a\n", "has one label only"),
        ("a\n1 2\nb\n1 2\n3 4\n", "line 3: the block 'b' has another shape"),
        ("a\n1 2\nb\n1\n", "line 3: the block 'b' has another shape"),
        ("a\nb\n1 2\n", "line 1: the block 'a' is empty"),
        ("a\n1 x\nb\n1 2\n", "line 2, column 2 is no number"),
    ],
)
def test_a_malformed_file_is_refused_by_its_name_and_line(text, message, written):
    file = written(text)
    with pytest.raises(DataError, match=message) as refused:
        read_readings(file)
    assert str(file) in refused.value.problem


def test_a_file_that_is_no_text_is_refused(tmp_path):
    file = tmp_path / "readings.csv"
    file.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(DataError, match="is no text"):
        read_readings(file)


def test_a_file_is_found_as_typed_or_below_the_root(tmp_path, monkeypatch, written):
    file = written(many())
    monkeypatch.chdir(tmp_path)
    assert find_file("readings.csv", "elsewhere") == Path("readings.csv")
    monkeypatch.chdir("/")
    assert find_file("readings.csv", str(tmp_path)) == file
    assert find_file(str(file), "elsewhere") == file


def test_a_file_that_is_nowhere_is_told_with_both_places(tmp_path):
    with pytest.raises(DataError, match=r"there is no file gone\.csv") as refused:
        find_file("gone.csv", str(tmp_path))
    assert str(tmp_path / "gone.csv") in refused.value.expected
    assert str(Path("gone.csv").absolute()) in refused.value.expected
    with pytest.raises(DataError, match="there is no file") as refused:
        find_file(str(tmp_path), ".")
    assert refused.value.got == "a folder"


def test_the_split_is_seeded_and_keeps_the_proportions_of_the_classes(written):
    file = str(written(many(80)))

    def split(seed):
        data = ReadingsData(path=file, val_fraction=0.2, test_fraction=0.2, split_seed=seed)
        data.setup()
        return data

    data = split(0)
    sizes = {name: len(part) for name, part in data._splits.items()}
    assert sizes == {"train": 48, "val": 16, "test": 16}
    for part in data._splits.values():
        assert part.targets["classes"].float().mean() == 0.25  # "stop" is class 1
    together = torch.cat([part.inputs for part in data._splits.values()])
    assert len(together.unique(dim=0)) == 80
    assert data.fingerprint == split(0).fingerprint != split(1).fingerprint


def test_statistics_are_those_of_the_training_samples(written):
    data = ReadingsData(path=str(written(many())))
    data.setup()
    train = data._splits["train"].inputs.double()
    assert data.spec["mean"] == pytest.approx(train.mean(dim=0).tolist())
    spread = train.std(dim=0, correction=0)
    assert data.spec["std"][:2] == pytest.approx(spread[:2].tolist())
    assert data.spec["std"][2] == 1.0  # the third sensor never varies
    assert data.spec["shape"] == [3]
    assert data.spec["target_shape"] == []
    assert data.spec["classes"] == ["go", "stop"]
    assert data.spec["grid"] is None


def test_blocks_have_statistics_for_each_sensor(written):
    data = ReadingsData(path=str(written(BLOCKS * 10)))
    data.setup()
    assert data.spec["shape"] == [2, 3]
    assert len(data.spec["mean"]) == 3


def test_without_fractions_there_are_no_such_splits(written):
    data = ReadingsData(path=str(written(many())), val_fraction=0, test_fraction=0)
    data.setup()
    assert data.val_dataloader() == []
    assert data.test_dataloader() == []
    assert len(data.train_dataloader().dataset) == 40
    assert len(data.example_inputs()) == 4


def test_a_class_that_is_too_rare_for_the_split_is_named(written):
    with pytest.raises(DataError, match="class 'rare' has too few samples"):
        ReadingsData(path=str(written(many() + "\n1,2,3,rare\n4,5,6,rare"))).setup()


@pytest.mark.parametrize(
    "options",
    [{"val_fraction": 1.0}, {"test_fraction": -0.1}, {"split_seed": -1}, {"batch_size": 0}],
)
def test_arguments_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match=rf"data\.{next(iter(options))} cannot be used"):
        ReadingsData(path="x", **options)


def test_fractions_that_leave_nothing_to_train_on_are_refused():
    with pytest.raises(ConfigError, match=r"data\.val_fraction \+ data\.test_fraction"):
        ReadingsData(path="x", val_fraction=0.5, test_fraction=0.5)
