"""docs/hooks.md is compared with the code, and its plugin is trained."""

import ast
import inspect
import json
from pathlib import Path

import pytest

from labloom import hookspecs
from labloom.record import RunRecord


@pytest.fixture(scope="module")
def page(pages):
    return pages["hooks"]


def parsed(text):
    return ast.parse(text).body


def code():
    """The statements of the module that defines the contract."""
    return parsed(Path(hookspecs.__file__).read_text(encoding="utf-8"))


def shown(page, kind):
    """Functions without a body, or classes without a base, which stand for those of labloom."""
    nodes = [node for block in page.blocks("python") for node in parsed(block)]
    bare = [node for node in nodes if isinstance(node, kind) and not node.decorator_list]
    return [n for n in bare if kind is ast.FunctionDef or not n.bases]


def signature(function):
    return f"{function.name}({ast.unparse(function.args)}) -> {ast.unparse(function.returns)}"


def record(cls):
    """Name, annotation and default of every field."""
    return [ast.unparse(field) for field in cls.body if isinstance(field, ast.AnnAssign)]


def test_every_hook_is_shown_with_its_signature(page):
    specified = [
        signature(node)
        for node in code()
        if isinstance(node, ast.FunctionDef) and "hookspec" in ast.unparse(node.decorator_list[0])
    ]
    assert len(specified) == 5
    assert [signature(node) for node in shown(page, ast.FunctionDef)] == specified


def test_every_hook_has_a_section_and_a_line_in_the_table(page):
    headings = [line[3:] for line in page.text.splitlines() if line.startswith("## ")]
    hooks = [node.name for node in shown(page, ast.FunctionDef)]
    assert [name for name in headings if name in hooks] == hooks
    assert all(f"\n| `{name}` | " in page.text for name in hooks)


def test_task_and_outcome_are_shown_with_every_field(page):
    classes = {node.name: record(node) for node in code() if isinstance(node, ast.ClassDef)}
    assert {node.name: record(node) for node in shown(page, ast.ClassDef)} == classes
    assert set(classes) == {"Task", "Outcome"}


def test_what_the_page_shows_of_a_run_is_there(page):
    rows = page.text.partition("| on `run` |")[2].partition("\n\n")[0]
    calls = [ast.parse(cell).body[0].value for cell in rows.split("`") if cell.endswith(")")]
    assert len(calls) == 7
    for call in calls:
        parameters = list(inspect.signature(getattr(RunRecord, call.func.id)).parameters)
        assert parameters == ["self", *(argument.id for argument in call.args)]


@pytest.fixture
def iris(page, pages, tmp_path, write_files):
    """The folder of the page's plugin."""
    files = {
        f"src/labloom_iris/{path}" if path.startswith("conf/") else path: text
        for path, text in page.files().items()
    }
    # Hooks that the page shows without the file's name belong to the hook module.
    hooks = [b for b in page.blocks("python") if b.startswith("@hookimpl")]
    files["src/labloom_iris/plugin.py"] += "\n\n".join(hooks)
    files["pyproject.toml"] = pages["publishing"].blocks("toml")[0]
    empty = dict.fromkeys(("src/labloom_iris/__init__.py", "src/labloom_iris/conf/__init__.py"), "")
    return write_files(tmp_path / "labloom-iris", {**files, **empty})


def test_the_example_is_trained_and_leaves_what_the_page_says(iris, in_folder, tmp_path):
    words = ("run", "task=iris_species", "debug=fast", "tracking.log_model=true", "--json")
    run = json.loads(in_folder(*words, plugins=[iris]).strip().splitlines()[-1])
    assert run["status"] == "FINISHED"
    assert run["objective"] == pytest.approx(run["metrics"]["val/acc"])
    folder = tmp_path / run["output_dir"]
    assert (folder / "figures/val/lengths.png").stat().st_size > 1000
    assert (folder / "verdict.txt").read_text().endswith("were named rightly\n")
    assert '"iris.seed":"0"' in "".join(p.read_text() for p in folder.rglob("*.jsonl"))


def test_the_example_keeps_the_contract(iris, in_folder):
    assert "iris keeps the contract" in in_folder("check", "iris", plugins=[iris])


def test_a_hook_that_fails_while_watching_does_not_end_the_run(iris, in_folder, tmp_path):
    plugin = iris / "src/labloom_iris/plugin.py"
    plugin.write_text(plugin.read_text().replace("run.set_tags(", "run.no_such_thing("))
    words = ("run", "task=iris_species", "debug=fast", "tracking.log_model=false", "--json")
    run = json.loads(in_folder(*words, plugins=[iris]).strip().splitlines()[-1])
    assert run["status"] == "FINISHED"
    log = (tmp_path / run["output_dir"] / "run.log").read_text()
    assert "plugin 'iris' failed in run_started; the run goes on" in log
