#!/usr/bin/env bash
# How well each of several values of one key of an engine profile fits: errors of simulated against
# measured serving on the half of the points that profiles are fitted on, and on no other.
#   calibrate/scan_engine.sh trtllm launch_time '40 us' '50 us' '60 us'
# MOESIM_REFERENCE_DATA names the reference data, MOESIM the program (default: build/moesim). The
# profile as it lies in sim/serving/engines is not changed.
set -euo pipefail
if [ $# -lt 3 ]; then
  sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
root=$(cd "$(dirname "$0")/.." && pwd)
profile=$1 key=$2
shift 2
file=sim/serving/engines/$profile.yaml
if ! grep -q "^  $key:" "$root/$file"; then
  echo "$file: no key '$key' (has: $(sed -n 's/^  \([a-z_]*\):.*/\1/p' "$root/$file" | xargs))" >&2
  exit 2
fi
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cp -rs "$root/models" "$root/sim" "$home"
for value in "$@"; do
  rm -f "$home/$file"
  sed "s/^  $key:.*/  $key: $value/" "$root/$file" > "$home/$file"
  echo "$profile $key $value"
  MOESIM_HOME=$home "${MOESIM:-$root/build/moesim}" validate serving --half fit |
    grep -E '^(group|fit half|engine) '
done
