"""The study of igcv3 on the digits that benchmarks of the store and of Ray Tune fill or run."""

from nas.cost.budget import parse_budgets
from nas.space.file import load_space
from nas.study.spec import StudySpec


def digits_spec(
    name: str, rungs: tuple[int, ...], num_trials: int, sampler: str = "random"
) -> StudySpec:
    """Return its specification: within 300M-flops at 3x224x224 and 1,000 classes, seed 0."""
    space = load_space("igcv3")
    return StudySpec(
        name=name,
        space_name=space.name,
        space_text=space.source,
        budget=parse_budgets(["300M-flops"]),
        input="3x224x224",
        classes=1000,
        task="digits",
        data_dir=None,
        recipe="digits",
        rungs=rungs,
        eta=3,
        objectives=("top1_error", "madds"),
        reference_point=(1.0, 3e8),
        sampler=sampler,
        num_trials=num_trials,
        published=False,
        seed=0,
    )
