"""Results: the findings of a study, computed from its record as plain data."""

from nas.results.agreement import (
    CONFIRMED,
    Agreement,
    agreement,
    agreement_document,
    confirmed,
    confirmed_lines,
)
from nas.results.class_table import ClassTable, class_tables, class_values
from nas.results.comparison import Comparison, Group, Pair, compare, num_needed
from nas.results.comparison_text import (
    comparison_document,
    comparison_facts,
    comparison_statements,
    group_table,
    pair_columns,
    pair_rows,
)
from nas.results.effects import Effect, Effects, study_effects
from nas.results.estimate import Estimate
from nas.results.explanation import Explanation, Picture, Pictures, explain
from nas.results.findings import (
    MOST_CLASSES,
    Standing,
    StudyResults,
    complete_candidates,
    recorded_scores,
)
from nas.results.finished import finished_record, profile_record, recorded_profiles
from nas.results.measured_latency import (
    MeasuredLatency,
    measured_latencies,
    over_budget,
    report_kind,
)
from nas.results.point import SHORT_NAMES, Point, PointGroup, StageTable, table_value
from nas.results.points import GROUPS, PointColumns, Points
from nas.results.progress_steps import GrowingFront, ProgressStep
from nas.results.records import (
    choice_columns,
    choice_record,
    figures_record,
    front_record,
    record_columns,
    study_record,
    trial_record,
)
from nas.results.score_audit import (
    AUDIT_COLUMNS,
    ScoreAudit,
    ScoreFinding,
    audit_basis,
    audit_notes,
    audit_rows,
    audit_sentences,
    study_audit,
)
from nas.results.selection import Box, Selection, narrowed
from nas.results.settings_text import (
    confirmation_text,
    counted_at,
    epoch_text,
    learnt_text,
    networks_text,
    strides_at,
    study_note,
    study_settings,
    task_line,
    trained_at,
)
from nas.results.single_trial import (
    COST_NAMES,
    best_layers,
    difference_text,
    further_seed,
    trial_details,
    trial_role,
)
from nas.results.study_overlay import (
    AttainmentBand,
    Overlay,
    overlay,
    overlay_problem,
    seeds_of_one_search,
)
from nas.results.taught import (
    SCRATCH,
    TAUGHT,
    Figures,
    both_figures,
    counterpart,
    figures,
    figures_text,
    taught_networks,
)
from nas.results.trial_table import STATES, TrialTable
from nas.results.view import Curves, StudyView, axis_names, curve_rows, view_of
