"""Cost: exact counts over the list of layers, budgets, and latency tables."""

from nas.cost.budget import Constraint, admits, exceeded, parse_budgets, split_amount
from nas.cost.latency_table import (
    DEVICES,
    USE_DEVICE,
    Accuracy,
    Device,
    LatencyTable,
    Timing,
    Unit,
    latency_units,
    round_to,
)
from nas.cost.model import COST_NAMES, Cost, CostModel, layer_cost, part_costs, total_cost

__all__ = [
    "COST_NAMES",
    "DEVICES",
    "USE_DEVICE",
    "Accuracy",
    "Constraint",
    "Cost",
    "CostModel",
    "Device",
    "LatencyTable",
    "Timing",
    "Unit",
    "admits",
    "exceeded",
    "latency_units",
    "layer_cost",
    "parse_budgets",
    "part_costs",
    "round_to",
    "split_amount",
    "total_cost",
]
