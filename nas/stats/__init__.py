"""Statistics: dominance, means, resampling, rank correlations."""

from nas.stats.correlations import FEWEST, Values, correlation, correlation_difference
from nas.stats.log_scale import clip_outliers, log_losses, loss_of_log, thinned
from nas.stats.means import CONFIDENCE, Difference, Interval, Summary, difference, t_reach
from nas.stats.pareto import (
    Points,
    attainment_surface,
    hypervolume,
    non_dominated,
    non_dominated_ranks,
)
from nas.stats.resampling import (
    Bools,
    Floats,
    bootstrap,
    bootstrap_difference,
    edf,
    edf_reach,
    flip,
    holm,
    least_p,
    least_p_of_pairs,
    mean,
    permute,
    quantile,
    share_below,
)
