"""``labloom new``: a plugin of one's own, copied from the one in ``labloom/template``."""

from labloom.scaffold.names import Names, choose_names
from labloom.scaffold.writing import write_plugin

__all__ = ["Names", "choose_names", "write_plugin"]
