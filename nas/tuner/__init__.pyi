from .connection import check_fraction as check_fraction
from .connection import knock as knock
from .connection import too_small as too_small
from .local_ray import started_ahead as started_ahead
from .run_study import RunResult as RunResult
from .run_study import RunSettings as RunSettings
from .run_study import run as run
from .train_workers import check_workers as check_workers
