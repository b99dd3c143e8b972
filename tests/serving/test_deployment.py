"""Checks that deploy/ fits the exports."""

import re
from pathlib import Path

import yaml
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from tf_pegasus.serving.deployment import batching_parameters
from tf_pegasus.serving.served_model import ServedModel
from tf_pegasus.utils.shapes import SERVING_BATCHES

DEPLOY = Path(__file__).parent.parent.parent / "deploy"


def test_batch_sizes_equal_the_buckets(served_directory):
    assert (DEPLOY / "batching_parameters.txt").read_text() == batching_parameters(SERVING_BATCHES)
    sizes = re.findall(r"^allowed_batch_sizes: (\d+)$", batching_parameters((2, 8)), re.MULTILINE)
    assert sizes == ["2", "8"]
    served = ServedModel(served_directory)
    written = (served.path / "assets.extra" / "batching_parameters.txt").read_text()
    assert written == batching_parameters(served.manifest["batch_buckets"])
    # TF Serving requires the last size to be the largest.
    assert "max_batch_size { value: 4 }" in written


def test_models_config_is_valid():
    config = text_format.Parse((DEPLOY / "models.config").read_text(), ModelServerConfig())
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path) == ("tf_pegasus", "/models/tf_pegasus")
    assert model.model_version_policy.latest.num_versions == 1


def test_manifests_refer_to_existing_files():
    documents = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
    kinds = {document["kind"]: document for document in documents}
    assert set(kinds) == {
        "PersistentVolumeClaim",
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
    }
    (container,) = kinds["Deployment"]["spec"]["template"]["spec"]["containers"]
    script = (DEPLOY / "docker-run.sh").read_text()
    flags = {flag for flag in container["args"] if not flag.startswith(("--port", "--rest"))}
    assert all(flag in script for flag in flags)
    assert container["image"] in script
    for name in re.findall(r"=/config/(\S+)", " ".join(flags)):
        assert (DEPLOY / name).is_file()
    (generator,) = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())["configMapGenerator"]
    assert sorted(generator["files"]) == sorted(
        path.name for path in DEPLOY.iterdir() if path.suffix in (".config", ".txt")
    )
    ports = {port["port"] for port in kinds["Service"]["spec"]["ports"]}
    assert ports == {port["containerPort"] for port in container["ports"]} == {8500, 8501}
