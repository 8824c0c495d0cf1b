"""Commands and links of every page."""

import re
import shlex

import click
import pytest

from labloom.cli.app import VERBS, labloom
from labloom.compose.arguments import parse
from labloom.compose.composing import hydra_ready
from labloom.compose.plan import check_plan

PAGES = ("hooks", "own_module", "publishing", "compatibility", "option_files")
# What stands for the reader's own things; the tests of the single pages run these.
OWN = ("my_code", "--config-dir", "iris", "letters")


@pytest.mark.parametrize("name", PAGES)
def test_every_labloom_command_is_one(pages, name):
    with click.Context(labloom) as context:
        for words in pages[name].labloom_commands():
            assert words[0] in VERBS, words
            command = labloom.get_command(context, words[0])
            if words[0] == "run":
                parse(words[1:])
            else:
                command.make_context(words[0], list(words[1:]))


@pytest.mark.parametrize("name", PAGES)
def test_every_training_of_a_shipped_task_composes(pages, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in pages[name].labloom_commands():
        if words[0] == "run" and not any(own in shlex.join(words) for own in OWN):
            with hydra_ready():
                check_plan(parse(words[1:]))


@pytest.mark.parametrize("name", [*PAGES, "tutorial"])
def test_every_link_leads_somewhere(pages, name, checkout):
    links = re.findall(r"\]\(([^)#]+)\)", pages[name].text)
    assert [link for link in links if not (checkout / "docs" / link).exists()] == []


@pytest.mark.parametrize("name", [*PAGES, "tutorial"])
def test_a_page_is_as_wide_as_the_others(pages, name):
    lines = pages[name].text.splitlines()
    assert [line for line in lines if len(line) > 102 and not line.startswith("|")] == []
