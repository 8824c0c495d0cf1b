"""Data modules: worlds to act in, demonstrations to copy, scans and readings to understand."""
