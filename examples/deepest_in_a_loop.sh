#!/bin/sh
# Find the deepest chain whose gradients do not vanish, with one `vanish` a depth.
#
#     sh examples/deepest_in_a_loop.sh [OPTION...]
#
# The options go to every run; the default is --act sigmoid. The verdict is on the median
# of 50 chains.

set -eu
[ $# -gt 0 ] || set -- --act sigmoid

# Status 3 says that the condition holds, 0 that it does not.
deepest=0
for layers in 2 3 4 5 6 7 8 10 12 15 20 30 50 100; do
    status=0
    vanish "$@" --layers "$layers" --trials 50 --fail-on vanishing --quiet --format tsv \
        >/dev/null || status=$?
    case $status in
        0) deepest=$layers ;;
        3) break ;;
        *) exit 2 ;; # vanish has said why
    esac
done
echo "$deepest"
