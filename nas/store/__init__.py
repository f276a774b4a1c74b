"""The store: the only record of studies, in SQLite or PostgreSQL. Only it imports SQLAlchemy."""

from nas.store.backup import back_up
from nas.store.changes import Bookmark, Changes
from nas.store.checking import Checked, check_store
from nas.store.database import without_collecting
from nas.store.database_url import Address, read_address
from nas.store.examples import (
    EXAMPLES_FOLDER,
    EXAMPLES_REPORT,
    example_entry,
    read_examples,
)
from nas.store.lease import Lease
from nas.store.nodes import StudyNode
from nas.store.opening import open_store
from nas.store.orders import MAX_FAILURES, DesiredState, Order
from nas.store.outage import DatabaseAway, DatabaseBack
from nas.store.schema import Upgraded, upgrade
from nas.store.store import Store
from nas.store.studies import StudyState, is_name
from nas.store.summaries import StudySummary
