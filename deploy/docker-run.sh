#!/usr/bin/env sh
# Serves the versions in a directory, with gRPC at port 8500, and REST and Prometheus at 8501.
#
#   sh deploy/docker-run.sh [DIR]
#
# Without --xla_cpu_compilation_enabled only exports with engine="graph" or "both" are served.
# The inputs of an adjustable export include scalars, which cannot be batched: remove the two lines
# with "batching" for it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
served=$(cd "${1:-served}" && pwd)
exec docker run --rm \
  --publish 8500:8500 --publish 8501:8501 \
  --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp \
  --memory 6g \
  --volume "$served:/models/tf_pegasus:ro" \
  --volume "$here:/config:ro" \
  tensorflow/serving:2.21.0 \
  --model_config_file=/config/models.config \
  --enable_batching=true \
  --batching_parameters_file=/config/batching_parameters.txt \
  --monitoring_config_file=/config/monitoring.config \
  --xla_cpu_compilation_enabled=true
