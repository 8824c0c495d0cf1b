"""Option files of the robotics plugin; Hydra finds them as ``pkg://labloom_robotics.conf``."""
