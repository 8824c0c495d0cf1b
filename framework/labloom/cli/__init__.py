"""The command line: verbs, exit statuses, and errors as one short message."""

from labloom.cli.app import main

__all__ = ["main"]
