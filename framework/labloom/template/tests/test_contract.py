"""What labloom asks of every plugin; ``labloom check starter`` runs the same."""

from labloom.testing import TaskContract


class TestStarter(TaskContract):
    plugin = "starter"
