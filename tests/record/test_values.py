"""What MLflow's database made of a value is read as what was logged."""

import math

from mlflow.entities import Metric

from labloom.record import logged_values, open_store


def test_nan_and_infinities_come_back_from_a_database_as_they_were_logged(tmp_path):
    client = open_store(f"sqlite:///{tmp_path}/mlflow.db").client
    run = client.create_run(client.create_experiment("values")).info.run_id
    logged = {"up": math.inf, "down": -math.inf, "none": math.nan, "some": 0.5}
    client.log_batch(run, metrics=[Metric(name, value, 1, 0) for name, value in logged.items()])
    read = logged_values(client.get_run(run).data.metrics)
    assert math.isnan(read.pop("none"))
    assert read == {"up": math.inf, "down": -math.inf, "some": 0.5}
