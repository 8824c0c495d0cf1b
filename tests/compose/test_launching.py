import pytest

from labloom.compose.arguments import parse
from labloom.compose.launching import launch


@pytest.fixture
def launched(tmp_path, monkeypatch):
    """What the job function is called with."""
    monkeypatch.chdir(tmp_path)

    def run(*words, on_job=None):
        seen = []
        launch(
            parse(words), lambda cfg: (on_job or (lambda c: None))(cfg) or seen.append(cfg.copy())
        )
        return seen

    return run


def test_every_combination_is_launched_with_its_own_folder(launched):
    seen = launched("-m", "task=vision_classify", "seed=1,2", "optimizer.lr=0.1,0.2")
    assert [(cfg.seed, cfg.optimizer.lr) for cfg in seen] == [
        (1, 0.1),
        (1, 0.2),
        (2, 0.1),
        (2, 0.2),
    ]
    assert len({cfg.hydra.runtime.output_dir for cfg in seen}) == 4


def test_what_a_job_raises_goes_through_after_the_others_ran(launched):
    numbers = []

    def fail_second(cfg):
        numbers.append(cfg.hydra.job.num)
        if cfg.hydra.job.num == 1:
            raise RuntimeError("no luck")

    with pytest.raises(RuntimeError, match="no luck"):
        launched("-m", "task=vision_classify", "seed=1,2,3", on_job=fail_second)
    assert numbers == [0, 1, 2]


def test_two_runs_in_the_same_second_have_different_folders(launched):
    one, two = launched("task=vision_classify")[0], launched("task=vision_classify")[0]
    assert one.hydra.runtime.output_dir != two.hydra.runtime.output_dir


def test_a_typed_folder_wins(launched, tmp_path):
    (cfg,) = launched("task=vision_classify", "hydra.run.dir=mine")
    assert cfg.hydra.runtime.output_dir == str(tmp_path / "mine")
