"""The files for Kubernetes are what KubeRay and Kubernetes understand; the image is what docs/deploy.md promises."""

from __future__ import annotations

import copy
import json
import re
import shlex
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from typer.testing import CliRunner

from redact.cli import app

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "pipelines" / "kuberay").glob("*.yaml"))
SCHEMA = json.loads(Path(__file__).with_name("kuberay.schema.json").read_text())


def _document(file: Path) -> dict[str, Any]:
    (document,) = yaml.safe_load_all(file.read_text())
    return dict(document)


def _cluster(document: dict[str, Any]) -> dict[str, Any]:
    spec = document["spec"]
    return dict(spec.get("rayClusterSpec", spec))


def _groups(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    cluster = _cluster(document)
    yield cluster["headGroupSpec"]
    yield from cluster["workerGroupSpecs"]


def test_there_is_one_of_each() -> None:
    assert {_document(f)["kind"] for f in FILES} == {"RayCluster", "RayJob"}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_kuberay_understands_it(file: Path) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(_document(file))


def test_the_schema_notices_what_is_wrong() -> None:
    right = _document(FILES[0])
    for change in (
        lambda d: d["spec"].update(workerGroupSpec=[]),
        lambda d: d["spec"]["workerGroupSpecs"][0].update(minReplicas="0"),
        lambda d: d["spec"]["headGroupSpec"].pop("template"),
        lambda d: d["spec"]["headGroupSpec"]["rayStartParams"].update({"num-cpus": 0}),
    ):
        wrong = copy.deepcopy(right)
        change(wrong)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(SCHEMA).validate(wrong)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_kubernetes_understands_its_pods(file: Path) -> None:
    for group in _groups(_document(file)):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": group["template"]["spec"]}
        kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_it_is_an_autoscaling_cluster_of_cpus_and_gpus(file: Path) -> None:
    document = _document(file)
    cluster = _cluster(document)
    assert cluster["enableInTreeAutoscaling"] is True
    assert cluster["rayVersion"] == metadata.version("ray")
    groups = {g["groupName"]: g for g in cluster["workerGroupSpecs"]}
    assert set(groups) == {"cpu", "gpu"}
    for name, group in groups.items():
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
        assert group["minReplicas"] < group["maxReplicas"]
        (container,) = group["template"]["spec"]["containers"]
        assert ("nvidia.com/gpu" in container["resources"]["limits"]) == (name == "gpu")
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for group in _groups(document):
        spec = group["template"]["spec"]
        (container,) = spec["containers"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert container["image"] == f"redact-gpu:{metadata.version('redact')}"
        assert {"name": "footage", "mountPath": "/footage"} in container["volumeMounts"]
        assert container["resources"]["requests"] == container["resources"]["limits"]


def test_the_job_is_a_command_that_exists() -> None:
    (job,) = (_document(f) for f in FILES if _document(f)["kind"] == "RayJob")
    program, command, *arguments = shlex.split(job["spec"]["entrypoint"])
    assert program == "redact"
    known = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).stdout
    for option in (a for a in arguments if a.startswith("--")):
        assert option in known


# --- the image ---


def _dockerfile() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile.gpu").read_text(), flags=re.M))
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def test_the_image() -> None:
    steps = _dockerfile()
    bases = [rest for step, rest in steps if step == "FROM"]
    assert re.match(r"nvidia/cuda:[\d.]+-runtime-", bases[-1]), "a CUDA runtime, at a stated version"
    final = steps[max(n for n, (step, _) in enumerate(steps) if step == "FROM") :]
    environment = dict(re.findall(r"(\w+)=(\S+)", " ".join(rest for step, rest in final if step == "ENV")))
    assert {"compute", "utility", "video"} <= set(environment["NVIDIA_DRIVER_CAPABILITIES"].split(","))
    assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert environment["YOLO_AUTOINSTALL"] == "false"
    users = [rest for step, rest in final if step == "USER"]
    assert users, "not root"
    assert users[-1].split(":")[0] not in ("0", "root")
    (health,) = (rest for step, rest in final if step == "HEALTHCHECK")
    assert health.endswith('CMD ["redact", "doctor"]')
    assert any("/wheels/redact-" in rest for step, rest in final if step == "RUN"), "installed from the wheel"
    assert f'"ray[default]=={metadata.version("ray")}"' in (ROOT / "Dockerfile.gpu").read_text(), "as the cluster says"
    copied = {rest.split()[0] for step, rest in steps if step == "COPY"}
    assert {"redact", "models", "pipelines"} <= copied, "the wheel is built with weights and recipes"


# --- the dashboard ---


def test_the_dashboard_shows_what_redact_tells() -> None:
    source = (ROOT / "redact" / "run" / "metrics.py").read_text()
    told = set(re.findall(r'_ray\.(?:Counter|Gauge)\(\s*"(\w+)"', source))
    assert len(told) == 6
    dashboard = json.loads((ROOT / "pipelines" / "grafana" / "redact.json").read_text())
    shown = " ".join(t["expr"] for p in dashboard["panels"] for t in p.get("targets", ()))
    names = set(re.findall(r"ray_(redact_\w+)", shown))
    assert {n.removesuffix("_total") for n in names} == told
    assert all(p["title"] for p in dashboard["panels"])
    ids = [p["id"] for p in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
