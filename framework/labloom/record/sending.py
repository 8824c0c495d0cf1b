"""Send the rest of a journal after its run has ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labloom.errors import StoreError
from labloom.record.journal import JOURNAL_NAME, Journal, journal_owner
from labloom.record.writer import Report, Writer

if TYPE_CHECKING:
    from labloom.record.store import Store


def send_rest(store: Store, output_dir: Path) -> Report:
    """Send what the journal in ``output_dir`` has and the store lacks.

    Args:
        store: where the run is.
        output_dir: of the run.

    Raises:
        StoreError: there is no journal.
    """
    run_id = journal_owner(output_dir / JOURNAL_NAME)
    if run_id is None:
        raise StoreError(
            f"there is no {JOURNAL_NAME} in {output_dir}", expected="a run's output folder"
        )
    journal = Journal(output_dir, run_id)
    report = Writer(store.client, journal, threaded=True).close()
    journal.close()
    return report
