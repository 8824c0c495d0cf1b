import pytest

from labloom.errors import PluginError
from labloom.plugins.candidates import Candidate
from labloom.plugins.compatibility import core_range, fits_core


@pytest.fixture
def asking(tmp_path):
    """A plugin in a folder whose project asks for something."""

    def make(*dependencies):
        listed = ", ".join(f"'{text}'" for text in dependencies)
        (tmp_path / "pyproject.toml").write_text(
            f"[project]\nname = 'labloom-far'\ndependencies = [{listed}]\n"
        )
        return Candidate(
            id="far",
            module="labloom_far.plugin",
            distribution="labloom-far",
            version="1.2",
            folder=tmp_path,
        )

    return make


RANGES = {
    "labloom>=0.1,<0.2": (">=0.1,<0.2", True),
    "labloom<0.2,>=0.1": (">=0.1,<0.2", True),
    "LabLoom == 0.1.*": ("==0.1.*", True),
    "labloom>=0.2": (">=0.2", False),
    "labloom[extra]~=0.0.3": ("~=0.0.3", False),
    "labloom": ("", True),
    "labloom-other>=9": (None, True),
    "labloom>=9; extra == 'new'": (None, True),
    "labloom>=9; python_version < '3'": (None, True),
    "labloom>=9; python_version >= '3'": (">=9", False),
}


@pytest.mark.parametrize(("text", "answer"), RANGES.items())
def test_the_range_is_read_as_pip_reads_it(asking, text, answer):
    candidate = asking("torch", text.replace("'", '"'))
    assert (core_range(candidate), fits_core(candidate)) == answer


def test_a_plugin_that_asks_for_nothing_has_no_range(asking):
    assert core_range(asking()) is None


def test_an_installed_distribution_is_asked_for_its_own_requirements():
    torch = Candidate(id="torch", module="torch", distribution="torch", version="2")
    assert core_range(torch) is None


def test_a_requirement_that_pip_cannot_read_is_named(asking):
    with pytest.raises(PluginError) as caught:
        core_range(asking("labloom>>1"))
    assert "plugin 'far' asks for 'labloom>>1', which pip cannot read" in str(caught.value)
    assert "mend the dependencies in" in caught.value.fix
