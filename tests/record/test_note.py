from labloom.record.note import NoteFacts, run_note

FACTS = {
    "run_id": "abc",
    "summary": "toys: tell toys apart",
    "overrides": ["task=toys", "optimizer.lr=0.1"],
    "choices": {"task": "toys", "model": "toy_net", "trainer": "default"},
    "output_dir": "/runs/1",
    "monitor": "val/acc",
}


def test_note_has_the_commands_that_run_and_resume_it():
    note = run_note(NoteFacts(**FACTS))

    assert "labloom run task=toys optimizer.lr=0.1" in note
    assert "labloom run resume=abc" in note


def test_note_shows_what_was_chosen_and_nothing_that_every_run_has():
    note = run_note(NoteFacts(**FACTS))

    assert "model         toy_net\noptimizer.lr  0.1\n" in note
    assert "trainer" not in note


def test_note_of_a_finished_run_begins_with_its_result():
    note = run_note(
        NoteFacts(
            **FACTS, objective=0.98765, step=30, status="FINISHED", metrics={"test/acc": 0.97}
        )
    )

    assert note.startswith("**val/acc 0.9877** at step 30, test/acc 0.9700\n")


def test_note_of_a_failed_run_quotes_the_error():
    note = run_note(NoteFacts(**FACTS, status="FAILED", error="ValueError: no such toy"))

    assert "**FAILED**\n> ValueError: no such toy" in note


def test_note_is_never_longer_than_mlflow_takes():
    note = run_note(NoteFacts(**{**FACTS, "overrides": ["a=" + "x" * 500] * 50}))

    assert len(note) <= 8000
