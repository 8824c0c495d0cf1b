import json

from labloom.record import save_sweep_view, sweep_view


def test_saved_view_shows_the_trials_of_the_sweep_best_first(store):
    experiment_id = store.ensure_experiment("toys")

    address = save_sweep_view(
        store, experiment_id, "abc123", name="sweep one", mode="min", swept=["optimizer.lr"]
    )

    key = address.partition("viewStateShareKey=")[2]
    tag = store.client.get_experiment(experiment_id).tags[f"mlflow.sharedViewState.{key}"]
    view = json.loads(tag)
    state = json.loads(view["state"])
    assert view["name"] == "sweep one"
    assert "tags.`mlflow.parentRunId` = 'abc123'" in state["searchFilter"]
    assert "tags.`labloom.trial.purpose` = 'search'" in state["searchFilter"]
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`objective`", True)
    assert "params.`optimizer.lr`" in state["selectedColumns"]
    assert "workflowType=machine_learning" in address


def test_saved_view_is_found_again(store):
    experiment_id = store.ensure_experiment("toys")
    address = save_sweep_view(store, experiment_id, "abc123", name="sweep one")

    assert sweep_view(store, experiment_id, "abc123") == address


def test_sweep_without_a_view_has_the_plain_address(store):
    experiment_id = store.ensure_experiment("toys")

    assert "viewStateShareKey" not in sweep_view(store, experiment_id, "abc123")


def test_view_that_cannot_be_saved_leaves_the_plain_address(store):
    address = save_sweep_view(store, "999", "abc123", name="sweep one")

    assert address == "/#/experiments/999/runs?workflowType=machine_learning"


def test_oldest_view_makes_room_when_there_are_too_many(store):
    experiment_id = store.ensure_experiment("toys")
    for number in range(42):
        save_sweep_view(store, experiment_id, f"sweep{number:03d}", name=f"sweep {number}")

    tags = store.client.get_experiment(experiment_id).tags
    views = [key for key in tags if key.startswith("mlflow.sharedViewState.")]
    assert len(views) == 40
    assert not any(key.endswith("sweep000") for key in views)
