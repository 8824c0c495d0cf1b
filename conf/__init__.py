"""The core's config groups; importable as ``labloom.conf``."""
