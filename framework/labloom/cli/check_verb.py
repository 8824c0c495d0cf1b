"""``labloom check``: the conformance suite on a plugin, as a table."""

from __future__ import annotations

import sys
import textwrap
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from labloom.cli.output import print_json, say
from labloom.errors import ExitStatus

if TYPE_CHECKING:
    from labloom.testing.suite import CheckResult

EXAMPLES = """\b
Examples
  labloom check vision
  labloom check vision paths.data=/data      # checks the data sets that lie there, too
  labloom check speech --json
"""
WIDTH = 80
INDENT = " " * 8


@click.command("check", epilog=EXAMPLES)
@click.argument("plugin")
@click.argument("overrides", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a result, one a line.")
def command(plugin: str, overrides: tuple[str, ...], as_json: bool) -> int:
    """Prove that a plugin behaves: train it, resume it, record it, ask its recorded model.

    Every task is checked with its own model and data, and every further model and data option.
    OVERRIDES go to every training. Exit status 1 if a check fails.
    """
    from labloom.compose.arguments import parse_overrides

    parse_overrides(overrides)
    if sys.stdout.isatty():
        say(f"{plugin}: loading torch, Lightning and MLflow ...")
    from labloom.testing.suite import check_plugin

    everything: list[CheckResult] = []
    for check, group in groupby(check_plugin(plugin, overrides), lambda result: result.check):
        results = []
        for result in group:
            results.append(result)
            if as_json:
                print_json(_as_json(result))
        everything += results
        if not as_json:
            _print_check(check, results)
    if not as_json:
        _print_end(plugin, everything)
    failed = any(result.status == "FAILED" for result in everything)
    return ExitStatus.FAILED if failed else ExitStatus.DONE


def _print_check(check: str, results: list[CheckResult]) -> None:
    """One line for a check, and below it what failed and what was not made."""
    passed = sum(result.status == "ok" for result in results)
    failed = any(result.status == "FAILED" for result in results)
    mark = "FAILED" if failed else "ok" if passed else "-"
    count = f"{passed} of {len(results)}" if len(results) > 1 else ""
    seconds = sum(result.seconds for result in results)
    say(f"{mark:<8}{check:<52}{count:>9}{seconds:>7.1f} s")
    for reason, subjects in _reasons(results).items():
        say(_wrapped(f"{subjects}: {reason}" if subjects else reason))
    for result in results:
        if result.error is not None:
            subject = f"{result.subject}: " if result.subject else ""
            say(textwrap.indent(f"{subject}{result.error}", INDENT))


def _reasons(results: list[CheckResult]) -> dict[str, str]:
    """Why checks were not made, each reason once, with what it is about."""
    reasons: dict[str, list[str]] = {}
    for result in results:
        if result.status == "not checked":
            reasons.setdefault(result.reason, []).append(result.subject)
    return {reason: ", ".join(filter(None, subjects)) for reason, subjects in reasons.items()}


def _print_end(plugin: str, results: list[CheckResult]) -> None:
    count = {
        status: sum(result.status == status for result in results)
        for status in ("ok", "FAILED", "not checked")
    }
    seconds = sum(result.seconds for result in results)
    verdict = "keeps the contract" if not count["FAILED"] else "breaks the contract"
    say()
    say(
        f"{plugin} {verdict}: {count['ok']} passed, {count['FAILED']} failed, "
        f"{count['not checked']} not made here; {seconds:.0f} s"
    )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)


def _as_json(result: CheckResult) -> dict[str, Any]:
    error = result.error
    return {
        "check": result.check,
        "subject": result.subject or None,
        "status": result.status,
        "reason": result.reason or None,
        "problem": error.problem if error else None,
        "expected": error.expected if error else None,
        "got": error.got if error else None,
        "fix": error.fix if error else None,
        "seconds": result.seconds,
    }
