"""Records of a finished search, of a finished training, and of their profiles."""

from dataclasses import asdict
from typing import Any

from nas.cost import total_cost
from nas.results.agreement import agreement_document
from nas.results.findings import StudyResults, recorded_scores
from nas.results.measured_latency import measured_latencies
from nas.results.records import figures_record, front_record, trial_record
from nas.space import parse_input
from nas.stats import Summary
from nas.storage import Storage
from nas.study import PROFILE_REPORT, Profile, Reports, Trial, profile_table, trial_notes


def finished_record(found: StudyResults, storage: Storage) -> dict[str, Any]:
    """Return the result of a search, or of a training, as plain data; shares are in [0, 1].

    The paths of weights are in `storage`; if the weights were moved, they are outdated.
    """
    if found.spec.networks:
        return _training_record(found, storage)
    latency = measured_latencies(found.spec, found.reports)
    front, best = front_record(found), found.best
    if best is not None:
        front["best"] |= {"test_errors": found.test_values(best.number)}
    return {
        "study": found.spec.name,
        **front,
        "confirmed": [
            trial_record(own[0], found) | {"errors": [t.value(found.metric.name) for t in own]}
            for number, own in found.trainings.items()
            if number in found.confirmed
        ],
        "verdicts": found.verdicts,
        "agreement": agreement_document(found),
        "latency": {number: asdict(each) for number, each in latency.items()},
        "reused": [trial.number for trial in found.trials if trial.origin],
    }


def recorded_profiles(reports: Reports) -> dict[int, Profile]:
    """Return the profiles among the reports of a study, by trial number."""
    return {
        number: kinds[PROFILE_REPORT]
        for number, kinds in reports.items()
        if PROFILE_REPORT in kinds
    }


def profile_record(found: StudyResults) -> dict[str, Any]:
    """Return the profile of a study and of each trial that has one, as plain data."""
    profiles = recorded_profiles(found.reports)
    return {
        "study": found.spec.name,
        "profile": [asdict(row) for row in profile_table(list(profiles.values()))],
        "trials": [{"trial": number, **profile} for number, profile in profiles.items()],
    }


def _training_record(found: StudyResults, storage: Storage) -> dict[str, Any]:
    networks = []
    for number, trials in found.trainings.items():
        tests = found.test_values(number)
        networks.append(
            {
                **_network(found, trials[0]),
                **figures_record(found, number),
                "test_error": asdict(Summary.of(tests)) if tests else None,
                "runs": [_run(found, trial, storage) for trial in trials],
            }
        )
    return {
        "study": found.spec.name,
        "task": found.spec.task,
        "recipe": found.spec.recipe,
        "epochs": found.spec.ladder.max_epochs,
        "networks": networks,
        "verdicts": found.verdicts,
    }


def _network(found: StudyResults, trial: Trial) -> dict[str, Any]:
    """Return a network and its costs, at deployment and on the task."""
    spec, architecture = found.spec, trial.architecture
    entry = next(one for one in spec.networks if one.name == spec.network_name(trial))
    space, images = spec.space_of(architecture), parse_input(spec.task_input or spec.input)
    deployed, trained = spec.deployed(space), spec.trained(space, images)
    scores = recorded_scores(found.reports).get(trial.number, {})
    classes = len(scores.get("class_names") or ()) or spec.classes
    return {
        "name": entry.name,
        "origin": entry.origin,
        "space": entry.space,
        "arch_id": trial.arch_id,
        "architecture": architecture.text,
        "cost": {
            "deployment": {
                "input": spec.input,
                "classes": spec.classes,
                "strides": deployed.text,
                "adaptation": deployed.describe(),
                **asdict(trial.cost),
            },
            "task": {
                "input": str(images),
                "classes": classes,
                "strides": trained.text,
                "adaptation": trained.describe(),
                **asdict(total_cost(spec.task_layers(architecture, images, classes))),
            },
        },
    }


def _run(found: StudyResults, trial: Trial, storage: Storage) -> dict[str, Any]:
    """Return one training of a network."""
    scores = recorded_scores(found.reports).get(trial.number)
    return {
        "trial": trial.number,
        "seed": trial.seed,
        "validation": {key: trial.value(key) for key in found.spec.metrics},
        "test": scores,
        "seconds": trial.seconds,
        "weights": str(storage.file(trial.weights_path or "")),
        "weights_sha256": trial.weights_sha256,
        "note": trial_notes(found.reports).get(trial.number),
        "origin": trial.origin,
        "profile": found.reports.get(trial.number, {}).get("profile"),
    }
