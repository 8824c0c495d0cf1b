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
    from labloom.testing.suite import Finding

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
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding, one a line.")
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

    everything: list[Finding] = []
    for check, group in groupby(check_plugin(plugin, overrides), lambda finding: finding.check):
        findings = []
        for finding in group:
            findings.append(finding)
            if as_json:
                print_json(_as_json(finding))
        everything += findings
        if not as_json:
            _print_check(check, findings)
    if not as_json:
        _print_end(plugin, everything)
    failed = any(finding.status == "FAILED" for finding in everything)
    return ExitStatus.FAILED if failed else ExitStatus.DONE


def _print_check(check: str, findings: list[Finding]) -> None:
    """One line for a check, and below it what failed and what was not made."""
    passed = sum(finding.status == "ok" for finding in findings)
    failed = any(finding.status == "FAILED" for finding in findings)
    mark = "FAILED" if failed else "ok" if passed else "-"
    count = f"{passed} of {len(findings)}" if len(findings) > 1 else ""
    seconds = sum(finding.seconds for finding in findings)
    say(f"{mark:<8}{check:<52}{count:>9}{seconds:>7.1f} s")
    for reason, subjects in _reasons(findings).items():
        say(_wrapped(f"{subjects}: {reason}" if subjects else reason))
    for finding in findings:
        if finding.error is not None:
            subject = f"{finding.subject}: " if finding.subject else ""
            say(textwrap.indent(f"{subject}{finding.error}", INDENT))


def _reasons(findings: list[Finding]) -> dict[str, str]:
    """Why checks were not made, each reason once, with what it is about."""
    reasons: dict[str, list[str]] = {}
    for finding in findings:
        if finding.status == "not checked":
            reasons.setdefault(finding.reason, []).append(finding.subject)
    return {reason: ", ".join(filter(None, subjects)) for reason, subjects in reasons.items()}


def _print_end(plugin: str, findings: list[Finding]) -> None:
    count = {
        status: sum(finding.status == status for finding in findings)
        for status in ("ok", "FAILED", "not checked")
    }
    seconds = sum(finding.seconds for finding in findings)
    verdict = "keeps the contract" if not count["FAILED"] else "breaks the contract"
    say()
    say(
        f"{plugin} {verdict}: {count['ok']} passed, {count['FAILED']} failed, "
        f"{count['not checked']} not made here; {seconds:.0f} s"
    )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)


def _as_json(finding: Finding) -> dict[str, Any]:
    error = finding.error
    return {
        "check": finding.check,
        "subject": finding.subject or None,
        "status": finding.status,
        "reason": finding.reason or None,
        "problem": error.problem if error else None,
        "expected": error.expected if error else None,
        "got": error.got if error else None,
        "fix": error.fix if error else None,
        "seconds": finding.seconds,
    }
