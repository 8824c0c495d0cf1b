"""Find task plugins, load each one alone, and keep a record of what failed and why.

Candidates are the entry points of the group ``labloom.plugins`` and, before installation, folders
whose ``pyproject.toml`` declares the same entry points. An id is loaded at most once: the same
distribution both installed and as a folder comes from the folder; two different distributions
with one id refuse each other. One broken plugin never stops the others.
"""

from labloom.plugins.candidates import Candidate
from labloom.plugins.cautions import cautions
from labloom.plugins.loading import Plugin
from labloom.plugins.registry import CUSTOM, Failure, Registry, discover, missing_packages

__all__ = [
    "CUSTOM",
    "Candidate",
    "Failure",
    "Plugin",
    "Registry",
    "cautions",
    "discover",
    "missing_packages",
]
