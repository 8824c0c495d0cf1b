import pytest

from labloom.compose.arguments import free_custom_nodes
from labloom.compose.composing import compose_config, hydra_ready
from labloom.compose.jobs import make_job


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Compose and validate overrides in an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def make(*overrides, **arguments):
        with hydra_ready():
            composed = compose_config(free_custom_nodes(overrides))
            return make_job(composed, output_dir=tmp_path / "out", **arguments)

    return make
