#!/usr/bin/env bash
# A search on several machines, from the first of them to the last:
#
#   examples/cluster/search.sh gpu1,gpu2 --data train.npz --space full --study cells --trials 500
#
# It starts Ray here and on each machine named, searches from here, and stops Ray again, whatever
# happens (all of yours on these machines). The same command goes on. ssh must reach the machines
# without a password, and bcauto be installed on each in the same versions at the same path, on
# Linux. Trials run on the machines named alone; with "here" in place of their names, on this one.
set -euo pipefail

machines=${1:?machines, such as gpu1,gpu2, then the options of bcauto search}
shift
bin=$(dirname "$(command -v bcauto)")
head="$(hostname -I | awk '{print $1}'):${RAY_PORT:-6379}"
workers=() trials_here=()
if [ "$machines" != here ]; then
    IFS=, read -ra workers <<< "$machines"
    trials_here=(--num-cpus=0 --num-gpus=0)
fi

end() {
    for machine in "${workers[@]}"; do
        ssh "$machine" "$bin/ray" stop || true
    done
    ray stop
}
trap end EXIT

ray start --head --port="${RAY_PORT:-6379}" "${trials_here[@]}"
for machine in "${workers[@]}"; do
    ssh "$machine" "$bin/ray" start --address="$head"
done
bcauto search --ray-address "$head" "$@"
