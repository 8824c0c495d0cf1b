"""Tests run on the plugin in this folder, whether or not it is installed."""

import os
from pathlib import Path

named = os.environ.get("LABLOOM_PLUGINS", "")
folder = str(Path(__file__).parents[1])
os.environ["LABLOOM_PLUGINS"] = os.pathsep.join(filter(None, [folder, named]))
