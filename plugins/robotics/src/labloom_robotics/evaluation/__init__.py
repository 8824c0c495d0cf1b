"""Seeded episodes: playing them, measuring them, showing them."""
