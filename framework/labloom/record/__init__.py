"""The record room: everything that labloom writes to MLflow, and reads from it."""

from labloom.record.job_record import JobRecord
from labloom.record.lookup import recorded_overrides, shown_overrides
from labloom.record.opening import open_parent, open_run, reopen_for_test
from labloom.record.run_record import RunRecord, status_of
from labloom.record.store import Store, is_lost, open_existing_store, open_store, resolve_uri
from labloom.record.values import logged_value, logged_values
from labloom.record.views import save_sweep_view, sweep_view

__all__ = [
    "JobRecord",
    "RunRecord",
    "Store",
    "is_lost",
    "logged_value",
    "logged_values",
    "open_existing_store",
    "open_parent",
    "open_run",
    "open_store",
    "recorded_overrides",
    "reopen_for_test",
    "resolve_uri",
    "save_sweep_view",
    "shown_overrides",
    "status_of",
    "sweep_view",
]
