#!/bin/sh
# Join the tables of several activations: one column each, one line a layer.
#
#     sh examples/join_tables.sh [LAYERS]

set -eu
layers=${1:-20}
directory=$(mktemp -d)
trap 'rm -r "$directory"' EXIT

# One call would compare them as well; a loop also serves where the options differ.
for act in sigmoid tanh relu; do
    # Not in a pipe, which would hide that vanish failed.
    vanish --layers "$layers" --act "$act" --output "$directory/$act.tsv" --quiet
    awk -F '\t' -v OFS='\t' -v act="$act" '
        NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; print "layer", act; next }
        { print $column["layer"], $column["log10_grad_w"] }' \
        "$directory/$act.tsv" >"$directory/$act"
done
paste "$directory/sigmoid" "$directory/tanh" "$directory/relu" | cut -f 1,2,4,6
