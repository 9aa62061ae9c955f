#!/bin/sh
# The article's three-layer example: the derivation, then each of its numbers.
#
#     sh examples/article.sh

set -eu

# Section 3: the gradient of W₁, one application of the chain rule a line.
vanish derive --layers 3 --wrt W1
echo

# 0 < S' ≤ 1/4, so three slopes multiply to at most 0.015625, twenty to at most 9.09e-13;
# section 4: with ReLU's slopes of 1, both are 1.
for layers in 1 3 20; do
    vanish acts sigmoid relu --layers "$layers" --format tsv |
        awk -F '\t' '
            NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
            { printf "%-8s %2d slopes: at most %s\n", $1, $column["layers"], $column["bound"] }'
done
