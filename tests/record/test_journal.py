import pytest

from labloom.errors import StoreError
from labloom.record.journal import (
    JOURNAL_NAME,
    Journal,
    JournalReader,
    SentMark,
    journal_owner,
    logged_steps,
)


def events(path, offset=0):
    return [event for _, _, event in JournalReader(path, offset).read()]


def test_events_are_read_back_in_order(tmp_path):
    journal = Journal(tmp_path, "r1")
    journal.append({"s": 1, "m": {"a": float("inf")}})
    journal.append({"tags": {"name": "größe\nzwei"}})

    assert events(journal.path) == [
        {"run": "r1"},
        {"s": 1, "m": {"a": float("inf")}},
        {"tags": {"name": "größe\nzwei"}},
    ]


def test_values_of_a_step_are_read_back_exactly(tmp_path):
    journal = Journal(tmp_path, "r1")
    values = {'100 % "sure"': 0.1 + 0.2, "b": 1e-300, "c": -3.0}
    journal.append_metrics(1234, 5, values)
    journal.append_metrics(1235, 6, {"b": float("-inf"), "c": 1.0})

    assert events(journal.path)[1:] == [
        {"t": 1234, "s": 5, "m": values},
        {"t": 1235, "s": 6, "m": {"b": float("-inf"), "c": 1.0}},
    ]


def test_line_that_a_kill_tore_is_left_out(tmp_path):
    Journal(tmp_path, "r1").append({"s": 1})
    with (tmp_path / JOURNAL_NAME).open("a") as file:
        file.write('{"s": 2, "m": {"a"')

    journal = Journal(tmp_path, "r1")
    journal.append({"s": 3})

    assert events(journal.path) == [{"run": "r1"}, {"s": 1}, {"s": 3}]


def test_reader_goes_on_where_it_is_told(tmp_path):
    journal = Journal(tmp_path, "r1")
    offset = journal.size()
    journal.append({"s": 1})

    assert events(journal.path, offset) == [{"s": 1}]


def test_half_a_line_is_read_when_it_is_whole(tmp_path):
    journal = Journal(tmp_path, "r1")
    reader = JournalReader(journal.path)
    with journal.path.open("a") as file:
        file.write('{"s": ')
        file.flush()
        assert [event for _, _, event in reader.read()] == [{"run": "r1"}]
        file.write("5}\n")

    assert [event for _, _, event in reader.read()] == [{"s": 5}]


def test_logged_points_are_known(tmp_path):
    journal = Journal(tmp_path, "r1")
    for step in (3, 1, 2):
        journal.append({"s": step, "m": {"a": 0.0}})

    known = logged_steps(journal.path)

    assert ("a", 2) in known
    assert ("a", 4) not in known
    assert ("b", 2) not in known
    assert known.last("a") == 3


def test_only_one_writer_gets_the_lock(tmp_path):
    first, second = SentMark(tmp_path / "sent"), SentMark(tmp_path / "sent")

    assert first.lock(0)
    assert not second.lock(0.1)
    first.unlock()
    assert second.lock(0)


def test_mark_is_read_back(tmp_path):
    mark = SentMark(tmp_path / "sent")
    assert mark.read() == 0
    mark.lock(0)
    mark.write(12345)
    mark.write(99)

    assert mark.read() == 99


def test_journal_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / JOURNAL_NAME).mkdir()

    with pytest.raises(StoreError, match="cannot be read"):
        journal_owner(tmp_path / JOURNAL_NAME)
