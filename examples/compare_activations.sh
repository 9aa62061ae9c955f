#!/bin/sh
# Show how much gradient reaches layer 1, one activation a line, with standard tools.
#
#     sh examples/compare_activations.sh [LAYERS]

set -eu
layers=${1:-20}

printf '%-12s%14s  %s\n' activation log10_grad_w vanishing
for act in sigmoid tanh softsign relu selu; do
    # Data go to standard output whatever the exit status: 3 where the condition holds.
    if rows=$(vanish --layers "$layers" --act "$act" --format tsv --quiet --fail-on vanishing); then
        verdict=no
    elif [ $? -eq 3 ]; then
        verdict=yes
    else
        exit 2 # vanish has said why
    fi
    # Columns are found by name: a later version may append some.
    printf '%s\n' "$rows" | awk -F '\t' -v verdict="$verdict" '
        NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
        NR == 2 { printf "%-12s%14.2f  %s\n", $column["act"], $column["log10_grad_w"], verdict }'
done
