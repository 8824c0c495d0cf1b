"""A sweep: one parent run in MLflow, its trials, the choice among them, and the report."""
