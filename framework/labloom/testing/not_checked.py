"""A check that cannot be made here, which is neither passed nor failed."""

from __future__ import annotations

import unittest


class NotChecked(unittest.SkipTest):
    """Why a check was not made. pytest shows a ``SkipTest`` as skipped, with its reason."""
