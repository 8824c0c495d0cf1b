"""What was typed and what was not."""

from labloom.build.typed import typed


def test_choices_values_additions_and_deletions_count_as_typed():
    overrides = ["optimizer=sgd", "++optimizer.lr=1", "~optimizer", "seed=1", "optimizer@x=adam"]
    assert typed(overrides, "optimizer") == [
        "optimizer=sgd",
        "++optimizer.lr=1",
        "~optimizer",
        "optimizer@x=adam",
    ]


def test_key_that_only_begins_alike_does_not_count():
    assert typed(["model_ema.decay=1", "trainer.x=model"], "model") == []
