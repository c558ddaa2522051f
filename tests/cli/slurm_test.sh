#!/usr/bin/env bash
# Usage: slurm_test.sh MOESIM_BINARY SBATCH_FILE
# A real Slurm of one node, started here: four array tasks of the shipped sbatch file, merged, must equal the sweep in
# one piece. Ends with 77 (skipped) and a reason where Slurm is not installed or cannot start.
set -euo pipefail
moesim=$(readlink -f -- "$1")
sbatch_file=$(readlink -f -- "$2")
skip() { echo "skipped: $*"; exit 77; }

((EUID == 0)) || skip "Slurm's daemons want root here"
for program in slurmctld slurmd sbatch squeue munged; do
  PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || skip "no $program (Debian: slurm-wlm, munge)"
done
PATH=$PATH:/usr/sbin

work=$(mktemp -d)
pids=()
cleanup() {
  ((${#pids[@]})) && kill "${pids[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf -- "$work"
}
trap cleanup EXIT

host=$(hostname -s)
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'; }
command -v python3 >/dev/null || skip "no python3 to find a free port"

# munged of our own: its key and socket in the folder, all of it root's.
mkdir -p "$work"/{munge,state,spool}
chmod 755 "$work" "$work/munge"
(umask 077 && head -c 1024 /dev/urandom >"$work/munge/key")
munged --foreground --force --socket="$work/munge/socket" --key-file="$work/munge/key" \
  --pid-file="$work/munge/pid" --seed-file="$work/munge/seed" --log-file="$work/munge/log" &>"$work/munged.out" &
pids+=($!)

cat >"$work/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
CredType=cred/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=1
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=10 State=UP
CONF
export SLURM_CONF=$work/slurm.conf

slurmctld -D &>"$work/slurmctld.out" & pids+=($!)
slurmd -D -N "$host" &>"$work/slurmd.out" & pids+=($!)
for _ in $(seq 60); do
  [[ $(sinfo -h -o %T 2>/dev/null) == idle ]] && break
  sleep 0.5
done
if [[ $(sinfo -h -o %T 2>/dev/null) != idle ]]; then
  tail -n 5 "$work"/*.log "$work"/*.out 2>/dev/null || true
  skip "Slurm does not come up here"
fi

cat >"$work/s.yaml" <<'YAML'
scenario:
  model: {name: olmoe}
  cluster: {node: hgx-h200}
  parallel: {tensor: 2, expert: 2}
  workload: {requests: 5, arrivals: {type: poisson, rate: 20 /s}, lengths: {type: fixed, input: 64, output: 2}}
axes:
  workload.arrivals.rate: {from: 5 /s, to: 40 /s, step: 5 /s}
  engine.max_sequences: [2, 8]
repeats: 2
objectives: [{maximize: throughput.output_tokens_per_s}]
YAML
cd "$work"
export MOESIM=$moesim
timeout 240 sbatch --wait --array=1-4 --cpus-per-task=1 "$sbatch_file" s.yaml "$work/shards" ||
  { cat "$work"/moesim-sweep-*.log; echo "the array job failed"; exit 1; }
"$moesim" merge "$work"/shards/shard-*.sqlite --out "$work/merged" --quiet
"$moesim" sweep s.yaml --out "$work/whole" --quiet
for name in points.csv points.json; do
  cmp "$work/whole/$name" "$work/merged/$name" || { echo "$name differs"; exit 1; }
done
(($(wc -l <"$work/merged/points.csv") == 33)) || { echo "not 32 points"; exit 1; }
grep -c ',done,' "$work/merged/points.csv" | grep -qx 32 || { echo "not all points are done"; exit 1; }
echo "32 points by 4 array tasks equal one run"
