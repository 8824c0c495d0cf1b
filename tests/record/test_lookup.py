import json

import pytest

from labloom.errors import ConfigError, StoreError
from labloom.record import recorded_overrides


@pytest.fixture
def runs(store):
    experiment_id = store.ensure_experiment("toys")
    made = []
    for number, (name, kind) in enumerate([("first", "run"), ("second", "run"), ("all", "sweep")]):
        tags = {"labloom.kind": kind, "labloom.overrides": json.dumps(["task=toys"])}
        made.append(
            store.client.create_run(
                experiment_id, start_time=1000 + number, tags=tags, run_name=name
            )
        )
    return made


def test_run_is_found_by_id_by_the_beginning_of_its_id_and_by_name(store, runs):
    run_id = runs[0].info.run_id

    for reference in (run_id, run_id[:10], "first"):
        assert store.find_run(reference).info.run_id == run_id


def test_last_is_the_run_that_was_started_last(store, runs):
    assert store.find_run("last").info.run_name == "all"
    assert store.find_run("last", kind="run").info.run_name == "second"


def test_misspelt_name_gets_the_nearest(store, runs):
    with pytest.raises(StoreError, match="there is no run 'secnd'") as caught:
        store.find_run("secnd")

    assert "did you mean second?" in str(caught.value)


def test_name_of_two_runs_is_refused_with_both_ids(store, runs):
    experiment_id = runs[0].info.experiment_id
    twin = store.client.create_run(experiment_id, run_name="first")

    with pytest.raises(StoreError, match="more than one run") as caught:
        store.find_run("first")

    assert twin.info.run_id[:12] in str(caught.value)
    assert runs[0].info.run_id[:12] in str(caught.value)


def test_empty_store_says_what_to_do(store):
    with pytest.raises(StoreError, match="there is no run in this store yet"):
        store.find_run("last")


def test_children_are_listed_oldest_first(store, runs):
    parent = runs[2]
    for number in range(3):
        store.client.create_run(
            parent.info.experiment_id,
            start_time=5000 - number,
            tags={"mlflow.parentRunId": parent.info.run_id},
            run_name=f"t{number}",
        )

    found = store.children(parent.info.run_id)

    assert [run.info.run_name for run in found] == ["t2", "t1", "t0"]


def test_recorded_overrides_are_read_back(store, runs):
    assert recorded_overrides(store.client, runs[0]) == ["task=toys"]


def test_hidden_override_has_to_be_given_again(store, runs):
    run_id = runs[0].info.run_id
    store.client.set_tag(run_id, "labloom.overrides", json.dumps(["data.token=***"]))

    with pytest.raises(ConfigError, match=r"data.token was hidden") as caught:
        recorded_overrides(store.client, store.get_run(run_id))

    assert "data.token=VALUE" in str(caught.value)
