"""A model or data option that no task's own choices fit is tried beside the plugin's other ones."""

from __future__ import annotations

import pytest

from labloom.testing.bench import Workbench
from labloom.testing.cases import Case

TRAINS = "it_trains_on_cpu_without_network"
PETALS = """
from labloom.errors import ConfigError
from labloom_toy.data import IrisData
from labloom_toy.nets import MLP


class PetalData(IrisData):
    def __init__(self, batch_size=16, file=None):
        super().__init__(batch_size)

    def setup(self, stage=None):
        super().setup(stage)
        self.spec["num_petals"] = 3


class PetalMLP(MLP):
    def __init__(self, num_petals, num_features, num_classes):
        super().__init__(num_features, num_classes, dropout=0.0)


class PatientMLP(MLP):
    def __init__(self, num_features, num_classes, num_petals=0):
        super().__init__(num_features, num_classes)
        if num_petals < AT_LEAST:
            raise REFUSAL


class Herbarium(PetalData):
    def __init__(self, batch_size=16, file=None):
        super().__init__(batch_size)

    def setup(self, stage=None):
        super().setup(stage)
        del self.spec["num_features"]


class DriedMLP(MLP):
    def __init__(self, num_petals, num_classes):
        super().__init__(4, num_classes)
"""
REFUSES = 'ConfigError("too few petals")'


@pytest.fixture
def petals(toy):
    """Adds an option: its group, its name, its class, and more of its file."""

    def add(group, name, cls, more="", at_least=1, refusal=REFUSES):
        text = PETALS.replace("AT_LEAST", str(at_least)).replace("REFUSAL", refusal)
        toy.write("petals.py", text)
        toy.write(f"conf/{group}/{name}.yaml", f"_target_: labloom_toy.petals.{cls}\n{more}")

    return add


def test_a_model_is_trained_with_the_data_that_has_what_it_lacks(toy, petals):
    petals("model", "toy_botanist", "PetalMLP")
    petals("data", "toy_meadow", "PetalData")
    for check in (TRAINS, "its_monitor_is_logged_and_finite", "gradients_reach_all_that_learns"):
        toy.check(check, "model=toy_botanist")


def test_a_model_that_refuses_a_tasks_data_is_trained_with_other_data(toy, petals):
    petals("data", "toy_meadow", "PetalData")
    petals("model", "toy_patient", "PatientMLP")
    toy.check(TRAINS, "model=toy_patient")


def test_data_is_trained_with_the_model_that_it_is_made_for(toy, petals):
    petals("model", "toy_dried", "DriedMLP")
    petals("data", "toy_herbarium", "Herbarium")
    toy.check(TRAINS, "data=toy_herbarium")


def test_a_model_whose_data_needs_a_file_of_the_users_is_not_checked(toy, petals):
    petals("model", "toy_botanist", "PetalMLP")
    petals("data", "toy_meadow", "PetalData", "file: ???\n")
    reason = toy.reason(TRAINS, "model=toy_botanist")
    assert reason == "with data=toy_meadow, it needs data.file=..."


def test_a_model_that_lacks_nothing_is_not_excused_by_data_that_is_not_here(toy, petals):
    petals("data", "toy_meadow", "PetalData", "file: ???\n")
    petals("model", "toy_patient", "PatientMLP")
    assert "too few petals" in toy.failure(TRAINS, "model=toy_patient")


def test_a_model_that_refuses_all_data_fails(toy, petals):
    petals("data", "toy_meadow", "PetalData")
    petals("model", "toy_patient", "PatientMLP", at_least=9)
    assert "too few petals" in toy.failure(TRAINS, "model=toy_patient")


def test_a_model_that_breaks_is_not_tried_with_other_data(toy, petals):
    petals("data", "toy_meadow", "PetalData")
    petals("model", "toy_patient", "PatientMLP", refusal='RuntimeError("withered")')
    assert "withered" in toy.failure(TRAINS, "model=toy_patient")


def test_overrides_for_an_option_go_wherever_it_is_chosen_and_nowhere_else(toy):
    bench = Workbench("toy", lambda name: ["model.width=8"] if name == "toy_mlp" else [])
    assert bench.job(Case(task="toy_iris")).config.model.width == 8
    narrow = Case(group="model", option="toy_narrow")
    assert bench.job(narrow, task="toy_iris").config.model.width == 16
