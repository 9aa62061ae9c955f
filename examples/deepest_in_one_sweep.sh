#!/bin/sh
# Find the deepest chain whose gradients do not vanish, with one sweep for all.
#
#     sh examples/deepest_in_one_sweep.sh [OPTION...]
#
# The options go to the sweep and may be lists; the default is --act sigmoid,tanh,relu. The
# verdict is on the median of 50 chains.

set -eu
[ $# -gt 0 ] || set -- --act sigmoid,tanh,relu

vanish sweep "$@" --layers 2,3,4,5,6,7,8,10,12,15,20,30,50,100 --trials 50 --quiet --output - \
    --format tsv | awk -F '\t' '
    # Columns are found by name: a later version may append some.
    NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
    {
        act = $column["act"]
        if (!(act in deepest)) { order[++acts] = act; deepest[act] = 0 }
        if ($column["verdict"] == "vanishing") ended[act] = 1
        if (!(act in ended)) deepest[act] = $column["layers"]
    }
    END { for (i = 1; i <= acts; i++) printf "%s %d\n", order[i], deepest[order[i]] }'
