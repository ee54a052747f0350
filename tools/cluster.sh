#!/usr/bin/env bash
# What the tests of several processes need, on Debian and as root: MPI (Open MPI and MPICH side by side), and a Slurm of two
# nodes on this machine, without systemd.
#   tools/cluster.sh install | start | stop
# Where that cannot be, it says so and fails; the tests then skip with a reason.
set -euo pipefail
state=/run/wbdc-slurm
packages=(openmpi-bin libopenmpi3 mpich slurm-wlm munge)
case "${1:-}" in
  install)
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
      echo "not installed: ${packages[*]} (needs root and apt-get)"
      exit 1
    fi
    dpkg -s "${packages[@]}" >/dev/null 2>&1 && exit 0
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null ;;
  start)
    command -v slurmctld >/dev/null || { echo 'no Slurm here'; exit 1; }
    [ "$(id -u)" = 0 ] || { echo 'no Slurm: needs root'; exit 1; }
    export SLURM_CONF="$state/slurm.conf" # beside the machine's own, if it has one
    sinfo -h >/dev/null 2>&1 && exit 0
    rm -rf "$state" # jobs of an earlier one too
    mkdir -p "$state/state" /run/munge
    cat >"$SLURM_CONF" <<CONF
ClusterName=wbdc-test
SlurmctldHost=$(hostname)
AuthType=auth/munge
SlurmUser=root
StateSaveLocation=$state/state
SlurmdSpoolDir=$state/spool-%n
SlurmctldPidFile=$state/ctld.pid
SlurmdPidFile=$state/%n.pid
SlurmctldLogFile=$state/ctld.log
SlurmdLogFile=$state/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=100000
ReturnToService=2
NodeName=n[1-2] NodeHostname=$(hostname) NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=1 State=UNKNOWN
PartitionName=main Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
CONF
    [ -s /etc/munge/munge.key ] || head -c 1024 /dev/urandom >/etc/munge/munge.key
    chown munge: /etc/munge/munge.key /run/munge
    chmod 400 /etc/munge/munge.key
    runuser -u munge -- /usr/sbin/munged --force --pid-file=/run/munge/munged.pid
    slurmctld -f "$SLURM_CONF"
    slurmd -f "$SLURM_CONF" -N n1
    slurmd -f "$SLURM_CONF" -N n2
    for _ in $(seq 40); do
      sinfo -h -o %T 2>/dev/null | grep -q idle && exit 0
      sleep 0.5
    done
    echo "Slurm does not start: see the logs in $state" >&2
    exit 1 ;;
  stop)
    for file in "$state"/{ctld,n1,n2}.pid /run/munge/munged.pid; do
      if [ -f "$file" ]; then kill "$(cat "$file")" || true; fi
    done ;;
  *)
    echo 'expected install, start or stop' >&2
    exit 2 ;;
esac
