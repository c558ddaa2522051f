#!/usr/bin/env bash
# Usage: sweep_efficiency.sh MOESIM_BINARY [POINTS] [ALONE]
# What a sweep costs over its points: ALONE of them by `moesim run`, one after the other, before and after a sweep of
# POINTS on two cores. Prints wall and CPU seconds per point, the efficiency 'alone / (sweep x cores)', and the store's size.
set -euo pipefail
moesim=$(readlink -f -- "$1")
points=${2:-1000}
alone=${3:-40}
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cd "$work"
scenario='model: {name: olmoe}
cluster: {node: hgx-h200}
parallel: {tensor: 2, expert: 2}
workload: {requests: 30, arrivals: {type: poisson, rate: 20 /s}, lengths: {type: fixed, input: 128, output: 16}}'
printf '%s\n' "$scenario" >one.yaml
{
  printf 'scenario:\n%s\n' "$(sed 's/^/  /' one.yaml)"
  printf 'axes: {workload.arrivals.rate: {from: 1 /s, to: %d /s, step: 1 /s}}\n' "$points"
  printf 'objectives: [{maximize: throughput.output_tokens_per_s}]\n'
} >sweep.yaml
# Wall and CPU seconds of a command, children included.
TIMEFORMAT='%R %U %S'
seconds() { { time "$@" >/dev/null 2>err || { cat err >&2; exit 1; }; } 2>&1 | awk '{print $1, $2 + $3}'; }
run_alone() {
  for ((i = 1; i <= alone; ++i)); do
    "$moesim" run one.yaml -s workload.arrivals.rate="$((i * points / alone)) /s" --quiet --json r.json
  done
}
read -r wall_a cpu_a < <(seconds run_alone)
read -r wall_s cpu_s < <(seconds "$moesim" sweep sweep.yaml --jobs 2 --out out --quiet)
read -r wall_b cpu_b < <(seconds run_alone)
awk -v wa="$wall_a" -v wb="$wall_b" -v ca="$cpu_a" -v cb="$cpu_b" -v ws="$wall_s" -v cs="$cpu_s" -v n="$points" -v k="$alone" \
  -v store="$(stat -c %s out/sweep.sqlite)" 'BEGIN {
  w = (wa + wb) / 2 / k; c = (ca + cb) / 2 / k;
  printf "alone: %.4f s wall, %.4f s CPU per point; sweep of %d on 2 cores: %.1f s wall, %.1f s CPU\n", w, c, n, ws, cs;
  printf "efficiency: %.1f %% by wall time, %.1f %% by CPU time; store %.2f MB\n", 100 * w * n / (2 * ws), 100 * c * n / cs, store / 1e6 }'
