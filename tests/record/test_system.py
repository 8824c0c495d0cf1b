import time

from labloom.record import open_run
from labloom.record.system import SystemSampler


def test_sample_has_processor_memory_and_disk():
    sampler = SystemSampler()
    sampler.sample()

    event = sampler.sample(last=True)

    assert event["s"] == 0
    assert event["m"]["system/system_memory_usage_megabytes"] > 0
    assert "system/cpu_utilization_percentage" in event["m"]
    assert "system/disk_usage_percentage" in event["m"]


def test_nothing_is_sampled_between_two_intervals():
    sampler = SystemSampler(interval=100.0)
    sampler.sample()

    assert sampler.sample() is None


def test_resumed_run_goes_on_counting():
    sampler = SystemSampler(first_step=7, interval=0.01)
    sampler.sample()
    time.sleep(0.02)

    assert sampler.sample()["s"] == 7


def test_node_has_metrics_of_its_own(monkeypatch):
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_NODE_ID", "node-1")
    sampler = SystemSampler()
    sampler.sample()

    assert "system/node-1/cpu_utilization_percentage" in sampler.sample(last=True)["m"]


def test_short_run_has_one_sample(store, make_job):
    with open_run(make_job(config={"tracking": {"system_metrics": True}})) as run:
        pass

    assert "system/cpu_utilization_percentage" in store.get_run(run.id).data.metrics
