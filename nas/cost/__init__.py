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
from nas.cost.layer_table import (
    LAYER_COLUMNS,
    LAYER_COSTS,
    Operation,
    Wiring,
    layer_records,
    layer_texts,
    part_wirings,
)
from nas.cost.model import COST_NAMES, Cost, CostModel, layer_cost, part_costs, total_cost
