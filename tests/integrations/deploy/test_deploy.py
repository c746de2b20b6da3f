"""What is in ``integrations/deploy``: read as its tools read it, and held against the code that it deploys.

No image is built and no cluster is asked here.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from tests.integrations.redis.server import Server
from tests.integrations.sidecar.serving import SLOW, Running

from bartizan.integrations.cli import app
from bartizan.integrations.sidecar import Service
from bartizan.integrations.sidecar.config import ServiceConfig, parse_config
from bartizan.monitors.host.tenants import Tokens
from bartizan.policies import compile_policy

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "integrations" / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
PORT = 8181


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text()))


MANIFESTS = [
    document for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")) for document in documents(path.name)
]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [document for document in MANIFESTS if document["kind"] == kind]


def containers() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Every container of every workload: its name, itself, its pod."""
    for document in of_kind("StatefulSet") + of_kind("Deployment"):
        pod = document["spec"]["template"]["spec"]
        for container in pod.get("initContainers", []) + pod["containers"]:
            yield container["name"], container, pod


def container(name: str) -> dict[str, Any]:
    (found,) = (one for named, one, _ in containers() if named == name)
    return found


# --- the command line


def commands() -> list[list[str]]:
    """Every command that an image is run with."""
    found = [COMPOSE["services"][name]["command"] for name in ("guard-a", "guard-b")]
    found += [container(name)["args"] for name in ("guard", "monitors")]
    found += [words for keyword, words in instructions() if keyword == "CMD"]
    return found


def test_every_command_and_option_exists() -> None:
    """What images are started with is a command of ours, with options that it has."""
    assert len(commands()) == 6
    for words in commands():
        command: Any = typer.main.get_command(app)
        for word in words:
            if word.startswith("--"):
                options = {option for each in command.params for option in each.opts} | {"--help"}
                assert word.partition("=")[0] in options, words
            elif (inner := getattr(command, "commands", None)) is not None:
                command = inner[word]


# --- the image


def instructions() -> list[tuple[str, Any]]:
    """The Dockerfile's instructions; a list where the exec form is used, also behind options."""
    text = (DEPLOY / "Dockerfile").read_text()
    lines = re.sub(r"\\\n", " ", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    found: list[tuple[str, Any]] = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        keyword, _, rest = line.partition(" ")
        found.append((keyword, json.loads(rest) if rest.startswith("[") else rest))
    return found


def stages() -> dict[str, list[tuple[str, Any]]]:
    made: dict[str, list[tuple[str, Any]]] = {}
    name = ""
    for keyword, rest in instructions():
        if keyword == "FROM":
            name = rest.split(" AS ")[1]
            made[name] = list(made.get(rest.split(" AS ")[0], []))
        made[name].append((keyword, rest))
    return made


def test_the_images_run_as_nobody_and_without_a_compiler() -> None:
    """Both images are later stages that take the environment from the build, and run as a user without rights."""
    for name, port in (("guard", PORT), ("monitors", 8790)):
        stage = stages()[name]
        last = dict(stage)
        assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", last["USER"])
        assert last["ENTRYPOINT"] == ["bartizan"]
        assert last["EXPOSE"] == str(port)
        assert any(k == "COPY" and rest.startswith("--from=build") for k, rest in stage)
        assert not any(k == "RUN" and "pip install" in rest for k, rest in stage)
    health = next(rest for keyword, rest in instructions() if keyword == "HEALTHCHECK")
    assert f"127.0.0.1:{PORT}/healthz" in health
    compile(json.loads(health[health.index("[") :])[2], "healthcheck", "exec")


def test_the_image_is_made_of_extras_that_exist() -> None:
    """What the build installs are extras of ours, with the versions that were tested, from files that it is given."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    builds = [rest for keyword, rest in instructions() if keyword == "RUN" and "pip install" in rest]
    assert len(builds) == 2
    for run in builds:
        for extras in re.findall(r"\.\[([a-z,-]+)\]", run):
            assert set(extras.split(",")) <= project["optional-dependencies"].keys()
        assert "-c constraints.txt" in run
    kept = [
        line[1:]
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    assert {"pyproject.toml", "constraints.txt", "README.md", "LICENSE"} <= set(kept)
    for name in kept:
        assert (ROOT / name).exists(), name


# --- the service's configuration


def placed(body: Any, directory: Path, redis: str) -> Any:
    """A configuration for this machine: secrets in files here, the audit log here, this Redis."""
    text = yaml.safe_dump(body)
    for path in sorted(set(re.findall(r"/run/secrets/[\w./-]+", text))):
        file = directory / path.replace("/", "_")
        if path.endswith(".pem"):
            from bartizan.integrations.signing import generate

            generate(file)
        else:
            file.write_text(f"secret of {path}")
        text = text.replace(path, str(file))
    text = text.replace("/var/lib/bartizan", str(directory / "var"))
    return yaml.safe_load(
        text.replace("redis://redis:6379/0", redis).replace(f"0.0.0.0:{PORT}", "127.0.0.1:0")
    )


def configurations() -> dict[str, tuple[Any, str]]:
    (mapped,) = of_kind("ConfigMap")
    return {
        "compose": (
            yaml.safe_load((DEPLOY / "service" / "service.yaml").read_text()),
            (DEPLOY / "service" / "policy.yaml").read_text(),
        ),
        "kubernetes": (yaml.safe_load(mapped["data"]["service.yaml"]), mapped["data"]["policy.yaml"]),
    }


@pytest.mark.parametrize("name", ["compose", "kubernetes"])
def test_the_configuration_can_be_used(tmp_path: Path, name: str) -> None:
    """Each configuration is one that the service takes, with a policy that passes its own tests."""
    body, policy = configurations()[name]
    assert [where.rpartition(":")[2] for where in body["listen"]] == [str(PORT)]
    assert compile_policy(policy, filename=name).hash
    (tmp_path / "policy.yaml").write_text(policy)
    config: ServiceConfig = parse_config(placed(body, tmp_path, "redis://127.0.0.1:1/0"), tmp_path, name)
    Service.check(config)
    assert all(tenant.audit is not None and tenant.shared is not None for tenant in config.tenants.values())
    scopes = {token.name: set(token.scopes) for token in config.tokens}
    assert scopes == {"agent": {"decide"}, "approver": {"approve", "read"}}


def guarded_redis(directory: Path, password: str) -> Server:
    """A Redis with the options of the Compose file, and this password."""
    command = COMPOSE["services"]["redis"]["command"][-1].removeprefix("exec redis-server ")
    options = shlex.split(command.partition(" --requirepass")[0])
    return Server(directory, *options, password=password)


def test_the_service_of_compose_runs(tmp_path: Path) -> None:
    """With a Redis that has a password, that configuration serves: healthy, ready, measured, and it decides."""
    directory = tmp_path / "redis"
    directory.mkdir()
    body, policy = configurations()["compose"]
    (tmp_path / "policy.yaml").write_text(policy)
    with guarded_redis(directory, "secret of /run/secrets/redis_password") as redis:
        file, placed_here = tmp_path / "service.yaml", placed(body, tmp_path, redis.patient)
        for tenant in placed_here["tenants"].values():
            tenant |= SLOW
        file.write_text(yaml.safe_dump(placed_here))
        with Running(file) as service:
            token = "secret of /run/secrets/agent_token"
            for path in ("/healthz", "/readyz"):
                assert service.ask(path, token=None)[0] == 200
            for amount, outcome in ((20.0, "allow"), (200.0, "deny")):
                call = {"id": str(amount), "tool": "pay", "args": {"to": "shop", "amount": amount}}
                status, answer = service.ask("/v1/calls", {"session": "s", "call": call}, token=token)
                assert (status, answer["outcome"]) == (200, outcome)


# --- compose


def test_compose_holds_together() -> None:
    """Secrets, volumes, networks and files that services name exist; guards are two, alike, with logs of their own."""
    services: Mapping[str, Any] = COMPOSE["services"]
    for name, service in services.items():
        assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys(), name
        assert set(service["networks"]) <= COMPOSE["networks"].keys(), name
        assert set(service.get("depends_on", {})) <= services.keys(), name
        assert ":" in service["image"]
        assert service["cap_drop"] == ["ALL"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), volume
            else:
                assert source in COMPOSE["volumes"], volume
    one, other = services["guard-a"], services["guard-b"]
    assert one["read_only"] and one["user"] == "10001:10001"
    differ = {key for key in one if one[key] != other[key]}
    assert differ == {"ports", "volumes"}
    assert set(one["volumes"]) & set(other["volumes"]) == {"./service:/etc/bartizan:ro"}
    used = re.findall(r"/run/secrets/([\w.-]+)", json.dumps(configurations()["compose"][0]))
    assert set(used) == set(one["secrets"])
    redis = " ".join(services["redis"]["command"])
    assert "--appendonly yes" in redis
    assert "--maxmemory-policy noeviction" in redis
    assert "--requirepass" in redis
    assert services["redis"]["networks"] == ["state"]
    assert COMPOSE["networks"]["state"]["internal"]


# --- kubernetes


def test_pods_are_restricted() -> None:
    """No container may become root, write to its root, or have capabilities; none has a token of the cluster."""
    assert sorted(name for name, *_ in containers()) == ["agent", "guard", "monitors", "redis"]
    for name, one, pod in containers():
        context = one["securityContext"]
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["readOnlyRootFilesystem"] is True, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert (context.get("runAsUser") or pod["securityContext"].get("runAsUser")) > 0
        assert pod["automountServiceAccountToken"] is False
        assert "memory" in one["resources"]["limits"], name
    assert (
        container("guard")["securityContext"]["runAsUser"]
        != container("agent")["securityContext"]["runAsUser"]
    )


def test_the_guard_is_a_native_sidecar() -> None:
    """It starts before the agent, which waits for it to answer, and is asked on the port and paths that it has."""
    guard = container("guard")
    assert guard["restartPolicy"] == "Always"
    assert guard["ports"] == [{"name": "guard", "containerPort": PORT}]
    for probe, path in (
        ("startupProbe", "/healthz"),
        ("livenessProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
    ):
        assert guard[probe]["httpGet"] == {"path": path, "port": "guard"}
    (agent,) = (one for one in of_kind("StatefulSet") if one["metadata"]["name"] == "agent")
    annotations = agent["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(PORT)
    assert annotations["prometheus.io/path"] == "/metrics"
    names = {where["name"]: where for where in container("agent")["env"]}
    assert names["BARTIZAN_URL"]["value"] == f"http://127.0.0.1:{PORT}"


def test_what_pods_mount_exists() -> None:
    """Volumes, secrets' keys and ports that are named are there; the agent sees nothing of the guard's."""
    secrets = {one["metadata"]["name"]: set(one["stringData"]) for one in of_kind("Secret")}
    for document in of_kind("StatefulSet") + of_kind("Deployment"):
        spec = document["spec"]
        pod = spec["template"]["spec"]
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        volumes |= {claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])}
        for one in pod.get("initContainers", []) + pod["containers"]:
            assert {mount["name"] for mount in one["volumeMounts"]} <= volumes
            for variable in one.get("env", []):
                if (ref := variable.get("valueFrom", {}).get("secretKeyRef")) is not None:
                    assert ref["key"] in secrets[ref["name"]]
        for volume in pod.get("volumes", []):
            if "secret" in volume:
                assert {item["key"] for item in volume["secret"].get("items", [])} <= secrets[
                    volume["secret"]["secretName"]
                ]
    used = re.findall(r"/run/secrets/bartizan/([\w.-]+)", of_kind("ConfigMap")[0]["data"]["service.yaml"])
    assert set(used) <= secrets["bartizan"]
    assert secrets["agent"] == {"token"}
    guards = {mount["name"] for mount in container("guard")["volumeMounts"]}
    assert not guards & {mount["name"] for mount in container("agent")["volumeMounts"]}
    for secret in of_kind("Secret"):
        for value in secret["stringData"].values():
            assert "REPLACE-ME" in value
    tokens = next(one for one in of_kind("Secret") if "monitors-tokens" in one["stringData"])
    assert Tokens.parse(tokens["stringData"]["monitors-tokens"].replace("REPLACE-ME", "a" * 64))


def test_services_budgets_and_policies_select_something() -> None:
    """Every selector finds pods of ours, every port is one that they have; by default nothing may be reached."""
    labels, ports = set(), set()
    for document in of_kind("StatefulSet") + of_kind("Deployment"):
        template = document["spec"]["template"]
        assert document["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"]
        labels.add(template["metadata"]["labels"]["app"])
    for _, one, _ in containers():
        ports |= {port["containerPort"] for port in one.get("ports", [])}
        ports |= {port["name"] for port in one.get("ports", [])}
    for service in of_kind("Service"):
        assert service["spec"]["selector"]["app"] in labels
        assert all(port["targetPort"] in ports for port in service["spec"]["ports"])
    for budget in of_kind("PodDisruptionBudget"):
        assert budget["spec"]["selector"]["matchLabels"]["app"] in labels
    assert len(of_kind("PodDisruptionBudget")) == 3
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind("NetworkPolicy")}
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, policy in policies.items():
        if name not in ("nothing", "names"):
            assert policy["podSelector"]["matchLabels"]["app"] in labels
        for rule in policy.get("ingress", []):
            assert all(port["port"] in ports for port in rule["ports"]), name
    (listed,) = (one for one in MANIFESTS if one["kind"] == "Kustomization")
    there = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")}
    assert set(listed["resources"]) - {"secret.yaml"} == there - {"kustomization.yaml", "secret.example.yaml"}


def test_nothing_is_a_secret() -> None:
    """No file of the folder has what looks like a key, a token or a password of somebody."""
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            text = path.read_text("utf-8")
            assert not re.search(r"BEGIN [A-Z ]*PRIVATE KEY|\b[0-9a-f]{40,}\b|AKIA[0-9A-Z]{16}", text), path


def test_shell_lines_in_comments_are_sound() -> None:
    """Commands that the files show can be split into words, and build from files that exist."""
    for path in (DEPLOY / "Dockerfile", DEPLOY / "compose.yaml"):
        for line in re.findall(r"^#   (.+)$", path.read_text(), re.MULTILINE):
            words = shlex.split(line)
            assert words
            if words[:2] == ["docker", "build"]:
                assert (ROOT / words[words.index("-f") + 1]).exists()
                assert words[words.index("--target") + 1] in stages()
