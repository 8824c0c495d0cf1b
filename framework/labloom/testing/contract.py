"""The suite: one method a check, so that each has a name, and a place to be overridden."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from labloom.errors import LabloomError
from labloom.plugins import Plugin
from labloom.testing import (
    checks_of_configs,
    checks_of_continuing,
    checks_of_loading,
    checks_of_packaging,
    checks_of_recording,
    checks_of_training,
)
from labloom.testing.bench import TOO_EARLY, Workbench
from labloom.testing.cases import Case
from labloom.testing.not_checked import NotChecked


class Contract:
    """What every plugin has to do.

    A check that takes ``case`` is made for every task, with its own model and data, and for every
    further model and data option; one that takes ``task`` for every task; the others once. A check
    raises a LabloomError that says what to mend, or NotChecked.

    Attributes:
        plugin: id of the plugin.
        expected_failures: name of a check, ``test_x`` for all its cases or ``test_x[model=y]`` for
            one -> why it is known to fail. One that passes after all is a failure too.
    """

    plugin: ClassVar[str] = ""
    expected_failures: ClassVar[Mapping[str, str]] = {}

    def overrides_for(self, option: str) -> Sequence[str]:
        """Overrides that a task or an option needs here, e.g. where its files are.

        They go to every run in which it is chosen, by a task's own defaults as well.

        Args:
            option: name of the task, model or data option.
        """
        return ()

    def test_the_plugin_loads(self) -> None:
        """It is found, imported, and its hooks, tasks and option files are in order."""
        self._check(checks_of_loading.loads, self.plugin)

    def test_the_hook_module_imports_nothing_heavy(self) -> None:
        """Listing tasks must not cost every user the import of torch."""
        self._check(checks_of_loading.imports_nothing_heavy, self._loaded)

    def test_names_begin_with_the_id(self) -> None:
        """Two plugins never mean different things by one name."""
        self._check(checks_of_loading.names_begin_with_the_id, self._loaded)

    def test_its_version_range_allows_this_labloom(self) -> None:
        """The range in its dependencies is what pip and ``labloom doctor`` go by."""
        self._check(checks_of_loading.allows_this_core, self._loaded)

    def test_the_wheel_carries_every_option_file(self) -> None:
        """Forgotten package data is noticed by users first."""
        self._check(checks_of_packaging.wheel_carries_the_option_files, self._loaded)

    def test_its_experiments_compose(self) -> None:
        """A named study that cannot be run is found by its reader first."""
        self._check(checks_of_configs.experiments_compose, self._loaded)

    def test_it_composes(self, case: Case) -> None:
        """Nothing is missing, every key fits, a task file sets no model or data."""
        self._check(checks_of_configs.composes, self._bench, case)

    def test_targets_bind_to_their_classes(self, case: Case) -> None:
        """Every ``_target_`` exists, has the right base class and takes its keys."""
        self._check(checks_of_configs.targets_bind, self._bench, case)

    def test_it_trains_on_cpu_without_network(self, case: Case) -> None:
        """Two training batches and one validation batch."""
        self._check(checks_of_training.trains, self._bench, case)

    def test_its_monitor_is_logged_and_finite(self, case: Case) -> None:
        """Without it there is no best checkpoint and no objective."""
        self._check(checks_of_training.logs_its_monitor, self._bench, case)

    def test_gradients_reach_all_that_learns(self, case: Case) -> None:
        """Every trainable parameter gets a gradient, frozen ones none."""
        self._check(checks_of_training.gradients_reach_what_learns, self._bench, case)

    def test_the_same_seed_gives_the_same_loss(self, task: Case) -> None:
        """A run can be repeated."""
        self._check(checks_of_training.same_seed_same_loss, self._bench, task)

    def test_another_seed_gives_another_loss(self, task: Case) -> None:
        """A spread over seeds means something."""
        self._check(checks_of_training.other_seed_other_loss, self._bench, task)

    def test_it_learns_a_small_batch_by_heart(self, task: Case) -> None:
        """The quickest sign that loss, labels and gradients belong together."""
        self._check(checks_of_training.learns_a_batch_by_heart, self._bench, task)

    def test_a_checkpoint_predicts_the_same(self, task: Case) -> None:
        """It loads with ``weights_only=True`` and gives the predictions of the trained module."""
        self._check(checks_of_continuing.checkpoint_gives_the_same_predictions, self._bench, task)

    def test_a_resumed_run_equals_an_uninterrupted_one(self, task: Case) -> None:
        """Bit for bit, on the CPU."""
        self._check(checks_of_continuing.resumed_equals_uninterrupted, self._bench, task)

    def test_runs_together_equal_runs_apart(self, task: Case) -> None:
        """Trials of a sweep do not learn from one another."""
        self._check(checks_of_continuing.apart_equals_together, self._bench, task)

    def test_parameters_fit_mlflow(self, task: Case) -> None:
        """Every leaf of the config is recorded under its own name, in full."""
        self._check(checks_of_recording.parameters_fit_mlflow, self._bench, task)

    def test_the_config_stays_as_it_was(self, task: Case) -> None:
        """What is recorded is what was run."""
        self._check(checks_of_training.config_stays_as_it_was, self._bench, task)

    def test_the_recorded_model_predicts_the_same(self, task: Case) -> None:
        """``mlflow.pyfunc`` answers raw inputs as the trained module does."""
        self._check(checks_of_recording.recorded_model_predicts_the_same, self._bench, task)

    def test_figures_are_recorded(self, task: Case) -> None:
        """What the plugin's callbacks draw lies among the run's artifacts."""
        self._check(checks_of_recording.figures_are_recorded, self._bench, task)

    def _check(self, check: Callable[..., object], *subjects: Any) -> None:
        """Make one check; the place to tell its failure otherwise."""
        check(*subjects)

    @property
    def _loaded(self) -> Plugin:
        """The plugin; that it does not load is the failure of one check, and no other's."""
        try:
            return checks_of_loading.loads(self.plugin)
        except LabloomError as error:
            raise NotChecked(TOO_EARLY) from error

    @property
    def _bench(self) -> Workbench:
        """Where the plugin is tried; kept by whoever runs the checks, because it remembers."""
        raise NotImplementedError
