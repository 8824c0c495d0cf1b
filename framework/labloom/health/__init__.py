"""The health room: what ``labloom doctor`` looks at. Nothing here changes or creates anything.

Each module looks at one thing and answers with a ``Section``; what is heavy is imported inside the
function that needs it.
"""

from labloom.health.findings import Finding, Section

__all__ = ["Finding", "Section"]
