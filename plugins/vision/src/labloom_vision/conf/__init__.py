"""Option files of the vision plugin; Hydra finds them as ``pkg://labloom_vision.conf``."""
