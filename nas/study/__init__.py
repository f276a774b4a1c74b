"""Studies: trials, rungs, the rules of the search loop, and the ports to other rooms."""

from nas.study.circuit_breaker import last_line
from nas.study.confirmation import Trainings, num_replicates, trainings
from nas.study.data_identity import UNCHECKED, DataIdentity
from nas.study.diverging import divergence
from nas.study.environment_faults import DATA_FAULT, SETUP_FAULT, STORAGE_FAULT, reason_of
from nas.study.evaluator import (
    Attempt,
    Epoch,
    Evaluator,
    Failure,
    Job,
    Report,
    Saved,
    TrialError,
    WorkerPlan,
    failure_reason,
    make_evaluator,
)
from nas.study.execution import (
    Event,
    Execution,
    TrialFinished,
    TrialMeasured,
    TrialRequeued,
    TrialStarted,
    Watcher,
    WorkersReady,
    ignore_event,
)
from nas.study.fixed_network import FixedNetwork, NoSampler
from nas.study.history import seen
from nas.study.judging import Judging
from nas.study.objectives import (
    Objective,
    known_objectives,
    latency_device,
    objective,
)
from nas.study.ports import Sampler
from nas.study.real_training import RealTraining, recipe_title
from nas.study.results_folder import (
    OWNER_FILE,
    checkpoint_folder,
    claim_folder,
    file_sha256,
    find_file,
    folder_owner,
    folder_size,
    is_weights_name,
    sign_folder,
    weights_name,
)
from nas.study.reuse import comparable
from nas.study.rung_resolutions import check_images, check_resolutions, early_sides
from nas.study.rungs import Decision, Ladder, default_rungs
from nas.study.spec import UNCOUNTED, StudySpec
from nas.study.study import Study
from nas.study.tasks import TASKS, TaskKind, TaskRequest
from nas.study.teaching import Teacher
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
    Fault,
    Measurement,
    Outcome,
    Reports,
    Trial,
    TrialState,
    trial_notes,
)

__all__ = [
    "DATA_FAULT",
    "NOTE_REPORT",
    "OWNER_FILE",
    "PLAIN",
    "PROFILE_PARTS",
    "PROFILE_PART_MEANINGS",
    "PROFILE_REPORT",
    "SETUP_FAULT",
    "STORAGE_FAULT",
    "TASKS",
    "UNCHECKED",
    "UNCOUNTED",
    "WARNING_REPORT",
    "Attempt",
    "DataIdentity",
    "Decision",
    "Epoch",
    "Evaluator",
    "Event",
    "Execution",
    "Failure",
    "Fault",
    "FixedNetwork",
    "Job",
    "Judging",
    "Ladder",
    "Measurement",
    "NoSampler",
    "Objective",
    "Outcome",
    "Profile",
    "RealTraining",
    "Report",
    "Reports",
    "Sampler",
    "Saved",
    "Study",
    "StudySpec",
    "TaskKind",
    "TaskRequest",
    "Teacher",
    "Trainings",
    "Trial",
    "TrialError",
    "TrialFinished",
    "TrialMeasured",
    "TrialRequeued",
    "TrialStarted",
    "TrialState",
    "Watcher",
    "WorkerPlan",
    "WorkersReady",
    "add_profiles",
    "check_images",
    "check_resolutions",
    "checkpoint_folder",
    "claim_folder",
    "comparable",
    "complete_profile",
    "default_rungs",
    "divergence",
    "early_sides",
    "failure_reason",
    "file_sha256",
    "find_file",
    "folder_owner",
    "folder_size",
    "ignore_event",
    "is_weights_name",
    "known_objectives",
    "last_line",
    "latency_device",
    "make_evaluator",
    "num_replicates",
    "objective",
    "plain_reasons",
    "profile_table",
    "profile_total",
    "reason_of",
    "recipe_title",
    "seen",
    "sign_folder",
    "trainings",
    "trial_notes",
    "weights_name",
]
