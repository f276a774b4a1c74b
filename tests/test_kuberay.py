"""The manifest for KubeRay has fields that its resource definition knows, with their types.

The table is by hand from the Go types of KubeRay 1.5 (ray-operator/apis/ray/v1) and the API
reference of 1.5.1, which added `authOptions`; Kubernetes itself defines the templates of pods.
"""

from typing import Any

import yaml

from tests.conftest import ROOT

# A tuple has the values of an enumeration; a type in a list is that of each item.
TEXTS = dict[str, str]
AUTH = {"mode": ("disabled", "token")}
AUTOSCALER = {
    "version": ("v1", "v2"),
    "idleTimeoutSeconds": int,
    "upscalingMode": ("Default", "Aggressive", "Conservative"),
    "image": str,
}
HEAD = {"rayStartParams": TEXTS, "template": dict, "enableIngress": bool, "serviceType": str}
WORKERS = {
    "groupName": str,
    "replicas": int,
    "minReplicas": int,
    "maxReplicas": int,
    "numOfHosts": int,
    "idleTimeoutSeconds": int,
    "rayStartParams": TEXTS,
    "template": dict,
}
CLUSTER = {
    "rayVersion": str,
    "authOptions": AUTH,
    "enableInTreeAutoscaling": bool,
    "autoscalerOptions": AUTOSCALER,
    "headGroupSpec": HEAD,
    "workerGroupSpecs": [WORKERS],
    "headServiceAnnotations": TEXTS,
    "suspend": bool,
}
JOB = {
    "entrypoint": str,
    "submissionMode": ("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"),
    "backoffLimit": int,
    "activeDeadlineSeconds": int,
    "shutdownAfterJobFinishes": bool,
    "ttlSecondsAfterFinished": int,
    "runtimeEnvYAML": str,
    "entrypointNumCpus": float,
    "suspend": bool,
    "rayClusterSpec": CLUSTER,
}
REQUIRED = {
    "spec.rayClusterSpec": {"headGroupSpec"},
    "spec.rayClusterSpec.headGroupSpec": {"template"},
    "spec.rayClusterSpec.workerGroupSpecs": {"groupName", "minReplicas", "maxReplicas", "template"},
}


def faults(value: Any, schema: Any, at: str) -> list[str]:
    """Return what is wrong with a value, each with its place."""
    if isinstance(schema, list):
        return [fault for each in value for fault in faults(each, schema[0], at)]
    if schema is TEXTS:
        return [f"{at}.{key}" for key, text in value.items() if not isinstance(text, str)]
    if isinstance(schema, tuple):
        return [] if value in schema else [f"{at} is {value!r}"]
    if isinstance(schema, type):
        return [] if type(value) is schema else [f"{at} is {value!r}"]
    found = [f"{at} lacks {name}" for name in sorted(REQUIRED.get(at, set()) - {*value})]
    for key, each in value.items():
        place = f"{at}.{key}"
        found += faults(each, schema[key], place) if key in schema else [f"{place} is unknown"]
    return found


def manifest() -> dict[str, Any]:
    (job,) = yaml.safe_load_all((ROOT / "deploy" / "kuberay" / "rayjob.yaml").read_text())
    found: dict[str, Any] = job
    return found


def test_the_manifest_has_fields_that_kuberay_knows() -> None:
    job = manifest()
    assert {*job} == {"apiVersion", "kind", "metadata", "spec"}
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert faults(job["spec"], JOB, "spec") == []


def test_what_kuberay_refuses_is_found() -> None:
    spec = manifest()["spec"]
    spec["submissionMode"] = "Sidecar"
    spec["backofflimit"] = spec.pop("backoffLimit")
    cluster = spec["rayClusterSpec"]
    cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] = 0
    cluster["workerGroupSpecs"][0]["minReplicas"] = "0"
    del cluster["workerGroupSpecs"][0]["groupName"]
    assert sorted(faults(spec, JOB, "spec")) == [
        "spec.backofflimit is unknown",
        "spec.rayClusterSpec.headGroupSpec.rayStartParams.num-cpus",
        "spec.rayClusterSpec.workerGroupSpecs lacks groupName",
        "spec.rayClusterSpec.workerGroupSpecs.minReplicas is '0'",
        "spec.submissionMode is 'Sidecar'",
    ]


def test_the_modes_of_the_job_allow_each_other() -> None:
    """As KubeRay's validation says; token authentication needs Ray 2.52."""
    spec = manifest()["spec"]
    cluster = spec["rayClusterSpec"]
    assert spec["submissionMode"] == "SidecarMode"  # then it refuses a submitter, and restarts
    assert not {"submitterPodTemplate", "submitterConfig", "clusterSelector"} & {*spec}
    assert "restartPolicy" not in cluster["headGroupSpec"]["template"]["spec"]
    assert spec["shutdownAfterJobFinishes"]  # for ttlSecondsAfterFinished
    assert tuple(map(int, cluster["rayVersion"].split("."))) >= (2, 52, 0)
    for group in cluster["workerGroupSpecs"]:
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
