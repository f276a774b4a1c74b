from .errors import NasError as NasError
from .space import SearchSpace as SearchSpace
from .space import load_space as load_space
from .store import open_store as open_store
from .workflows.api import compare_spaces as compare_spaces
from .workflows.api import count as count
from .workflows.api import export as export
from .workflows.api import open_study as open_study
from .workflows.api import report as report
from .workflows.api import resume as resume
from .workflows.api import search as search
from .workflows.api import train as train
from .workflows.network_count import NetworkCount as NetworkCount
from .workflows.requests import LatencyRequest as LatencyRequest
from .workflows.requests import RunRequest as RunRequest
from .workflows.stored_study import StoredStudy as StoredStudy
from .workflows.stored_study import StoredTrial as StoredTrial

__version__: str
