"""Options of the config group ``experiment``: named studies that one command runs again."""
