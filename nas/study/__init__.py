"""Studies: trials, rungs, the rules of the search loop, and the ports to other rooms."""

from nas.study.attempts import PAUSING, AttemptEnd, AttemptOutcome, TrialAttempt, repeatable
from nas.study.borrowing import MOST_BORROWED, borrow, borrowable, finished_trials
from nas.study.confirmation import Trainings, num_replicates, trainings
from nas.study.diverging import divergence
from nas.study.end_requests import EndWatch, end_request, node_name
from nas.study.environment_faults import reason_of
from nas.study.evaluator import (
    Attempt,
    Epoch,
    Evaluator,
    Failure,
    Job,
    Report,
    Saved,
    StartWeights,
    Teacher,
    TrialError,
    WorkerPlan,
    failure_reason,
    interrupted_error,
    make_evaluator,
)
from nas.study.execution import (
    Event,
    Execution,
    NodeChecked,
    TrialFinished,
    TrialMeasured,
    TrialRequeued,
    TrialStarted,
    Watcher,
    WorkersAwaited,
    WorkersReady,
    ignore_event,
)
from nas.study.inference import INFERRED_REPORT, Forecast, Inference, InferredLoss, infer
from nas.study.judging import BY_ERROR, INFERRED, JUDGES, Judging
from nas.study.objectives import (
    Objective,
    known_objectives,
    latency_device,
    objective,
)
from nas.study.ports import Sampler
from nas.study.proposals import last_loss, seen
from nas.study.results_folder import (
    OWNER_FILE,
    checkpoint_folder,
    claim_folder,
    find_file,
    folder_owner,
    folder_size,
    weights_name,
    weights_owner,
)
from nas.study.reuse import comparable, study_differences, training_differences
from nas.study.rung_resolutions import check_images, check_resolutions, early_sides
from nas.study.rungs import (
    Decision,
    Ladder,
    default_rungs,
)
from nas.study.spec import UNCOUNTED, StudySpec
from nas.study.spec_parts import (
    UNCHECKED,
    DataIdentity,
    FixedNetwork,
    Learnt,
    NoSampler,
    RealTraining,
    recipe_title,
)
from nas.study.study import Study
from nas.study.tasks import TASKS, TaskKind, TaskRequest
from nas.study.time_limit import search_time_left
from nas.study.time_profile import (
    PLAIN,
    PROFILE_PART_MEANINGS,
    PROFILE_PARTS,
    PROFILE_REPORT,
    Profile,
    add_profiles,
    complete_profile,
    plain_reasons,
    profile_table,
    profile_total,
)
from nas.study.trial import (
    NOTE_REPORT,
    WARNING_REPORT,
    ByClass,
    Fault,
    Measurement,
    Outcome,
    Reason,
    Reports,
    Trial,
    TrialState,
    last_line,
    trial_notes,
)
