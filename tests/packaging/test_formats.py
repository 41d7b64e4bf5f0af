"""Dockerfiles, compose files, manifests and workflows match their schemas."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent import __version__
from edge_agent.settings.keys import setting_keys
from edge_agent.settings.loading import load_settings
from testing.shared_data import PROJECT

BIN = Path(sys.executable).parent
KUBERNETES = PROJECT / "deploy" / "kubernetes"


def _check(tool: str, *arguments: str | Path) -> None:
    done = subprocess.run(
        [BIN / tool, *arguments], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("dockerfile", ["Dockerfile.arm64", "home_assistant_app/Dockerfile"])
def test_hadolint_accepts_the_dockerfiles(dockerfile: str) -> None:
    _check("hadolint", dockerfile)


@pytest.mark.parametrize("name", ["compose.yaml", "compose.tls.yaml"])
def test_compose_files_match_the_schema(name: str) -> None:
    _check("check-jsonschema", "--builtin-schema", "vendor.compose-spec", name)


@pytest.mark.parametrize(
    "workflow", sorted((PROJECT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.name
)
def test_workflows_match_the_schema(workflow: Path) -> None:
    _check("check-jsonschema", "--builtin-schema", "vendor.github-workflows", workflow)


def test_promtool_accepts_the_prometheus_configuration(tmp_path: Path) -> None:
    promtool = shutil.which("promtool") or pytest.skip("promtool is not installed")
    text = (PROJECT / "deploy" / "compose" / "prometheus.yaml").read_text(encoding="utf-8")
    config = tmp_path / "prometheus.yaml"
    config.write_text(text.replace("/config/", f"{PROJECT / 'config'}/"), encoding="utf-8")
    done = subprocess.run(
        [promtool, "check", "config", config], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "rules found" in done.stdout


def test_dependabot_matches_the_schema() -> None:
    _check("check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml")


def _manifests() -> list[dict[str, Any]]:
    names = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    return [yaml.safe_load((KUBERNETES / name).read_text(encoding="utf-8")) for name in names]


def test_manifests_match_the_kubernetes_schema(tmp_path: Path) -> None:
    path = tmp_path / "manifests.yaml"
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        text = yaml.safe_dump_all(_manifests())
    else:
        text = subprocess.run([kubectl, "kustomize", KUBERNETES], capture_output=True, text=True, check=True).stdout
    path.write_text(text, encoding="utf-8")
    _check("kubernetes-validate", "--strict", path)


def _stateful_set() -> dict[str, Any]:
    return next(each for each in _manifests() if each["kind"] == "StatefulSet")


def test_every_replica_has_a_valid_partition_without_overlap() -> None:
    replicas = _stateful_set()["spec"]["replicas"]
    paths = sorted((KUBERNETES / "partitions").iterdir())
    assert [path.stem for path in paths] == [f"edge-agent-{number}" for number in range(replicas)]
    include = [name for path in paths for name in load_settings(path, {}, environment={}).doorbells.include]
    assert len(include) == len(set(include)) > 0


def test_the_manifests_set_settings_that_exist() -> None:
    variables = {key.variable for key in setting_keys()} | {"EDGE_AGENT_CONFIG"}
    (container,) = _stateful_set()["spec"]["template"]["spec"]["containers"]
    assert {each["name"] for each in container["env"]} - {"POD"} <= variables


def test_the_manifests_name_this_version() -> None:
    (image,) = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text(encoding="utf-8"))["images"]
    assert image["newTag"] == __version__
