"""Results: what a study found, computed from its record as plain data."""

from nas.results.axis import Axis
from nas.results.comparison import Comparison, Group, Pair, compare, num_needed
from nas.results.comparison_text import (
    PAIR_COLUMNS,
    comparison_document,
    comparison_facts,
    comparison_statements,
    group_table,
    pair_rows,
)
from nas.results.findings import Estimate, Standing, StudyResults, complete_candidates
from nas.results.measured_latency import Measured, measured, over_budget, report_kind
from nas.results.score_audit import Audit, Finding, audit
from nas.results.settings_text import (
    candidates,
    confirmation,
    counted_at,
    strides_at,
    study_note,
    task_line,
    trained_at,
)
from nas.results.stage_table import SHORT, StageTable, word
from nas.results.trial_reports import Reports, recorded_scores, trial_notes
from nas.results.view import Point, PointGroup, StudyView, study_view

__all__ = [
    "PAIR_COLUMNS",
    "SHORT",
    "Audit",
    "Axis",
    "Comparison",
    "Estimate",
    "Finding",
    "Group",
    "Measured",
    "Pair",
    "Point",
    "PointGroup",
    "Reports",
    "StageTable",
    "Standing",
    "StudyResults",
    "StudyView",
    "audit",
    "candidates",
    "compare",
    "comparison_document",
    "comparison_facts",
    "comparison_statements",
    "complete_candidates",
    "confirmation",
    "counted_at",
    "group_table",
    "measured",
    "num_needed",
    "over_budget",
    "pair_rows",
    "recorded_scores",
    "report_kind",
    "strides_at",
    "study_note",
    "study_view",
    "task_line",
    "trained_at",
    "trial_notes",
    "word",
]
