#!/bin/sh
# Dagster's instance lies in the volume, its settings in the image: they are copied at every start, as `make dev` does.
set -eu
mkdir -p "$DAGSTER_HOME"
cp /app/dagster.yaml "$DAGSTER_HOME/dagster.yaml"
cd "$DAGSTER_HOME"
exec "$@"
