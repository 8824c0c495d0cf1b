import json

from labloom.cli.output import print_facts, print_json, print_table
from labloom.cli.summary import outcome_as_json, print_outcome
from labloom.hookspecs import Outcome


def test_a_piped_table_is_aligned_plain_text(capsys):
    print_table("Things", ("name", "value"), [("a", 0.123456), ("long name", None)])
    assert capsys.readouterr().out == (
        "Things\n  name       value\n  a          0.1235\n  long name  -\n"
    )


def test_facts_are_aligned(capsys):
    print_facts({"run": "abc", "task": "x"})
    assert capsys.readouterr().out == "run   abc\ntask  x\n"


def test_json_never_holds_a_nan(capsys):
    print_json({"value": float("nan"), "list": (1, 2)})
    assert json.loads(capsys.readouterr().out) == {"value": None, "list": [1, 2]}


def test_the_summary_of_a_run_shows_stages_and_the_way_on(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = Outcome(
        run_id="0123456789abcdef",
        status="FINISHED",
        objective=0.5,
        metrics={"val/acc": 0.5, "test/acc": 0.25, "train/loss": 1.0},
        checkpoint=str(tmp_path / "outputs/best.ckpt"),
        output_dir=str(tmp_path / "outputs"),
    )
    print_outcome(outcome)
    printed = capsys.readouterr().out
    assert "val     acc 0.5000   (last epoch)\n" in printed
    assert "test    acc 0.2500   (best checkpoint)\n" in printed
    assert "labloom show 01234567" in printed
    assert "folder  outputs\n" in printed
    assert outcome_as_json(outcome)["status"] == "FINISHED"
