"""Every error message of the command line: what was given, what is wrong, what to do."""

from __future__ import annotations

import ast
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from arrayfile import npy, npz
from checkpoints import raw, safetensors
from command import Result, run_in_process
from snapshot import check

import vanish
from vanish import errors
from vanish.system import memory

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(vanish.__file__).parent


def packed_by_an_unknown_method() -> bytes:
    content = bytearray(npz(W1=np.eye(2)))
    content[content.index(b"PK\x01\x02") + 10] = 99  # the compression, in the directory
    return bytes(content)


FILES = {
    "row.txt": b"1 2 3\n",
    "rows.txt": b"1 2\n3 4\n",
    "empty.txt": b"",
    "comment.txt": b"# no numbers\n\n",
    "empty.onnx": b"",
    "empty.safetensors": b"",
    "huge.npz": npz(W1=np.eye(2) * 1e200, W2=np.eye(2)),
    "word.txt": b"1 2\n3 four\n",
    "ragged.txt": b"1 2\n\n3\n",
    "nan.txt": b"1 nan\n",
    "latin1.txt": b"\xb5\n",
    "cut.npy": npy([1.0, 2.0])[:-1],
    "pickled.npy": npy([None, {}]),
    "complex.npy": npy([1j]),
    "strings.npy": npy(["1", "2"]),
    "infinite.npy": npy([[1.0, 2.0], [3.0, np.inf]]),
    "cube.npy": npy(np.zeros((2, 2, 2))),
    "nothing.npy": npy(np.zeros((0, 3))),
    "good.npz": npz(W1=np.eye(2), W2=np.ones((3, 2))),
    "cut.npz": npz(W1=np.eye(2))[:-1],
    "unknown_method.npz": packed_by_an_unknown_method(),
    "pickled.npz": npz(W1=np.array([[None]])),
    "damaged_array.npz": npz(W1=np.eye(2)).replace(b"NUMPY", b"DUMPY"),
    "no_arrays.npz": npz(),
    "no_w.npz": npz(weight=np.ones((3, 2)), mask=np.ones(2)),
    "gap.npz": npz(W1=np.eye(2), W3=np.eye(2)),
    "no_number.npz": npz(W1=np.eye(2), weight=np.eye(2)),
    "twice.npz": npz(W1=np.eye(2), w1=np.eye(2)),
    "only_biases.npz": npz(b1=np.ones(2)),
    "flat_arrays.npz": npz(arr_0=np.ones(2)),
    "cube_arrays.npz": npz(arr_0=np.ones((2, 2, 2))),
    "loose_array.npz": npz(arr_0=np.ones(2), arr_1=np.eye(2), arr_2=np.eye(2)),
    "kernels.npz": npz(W1=np.ones((2, 3)), W2=np.ones((3, 4))),
    "unknown_array.npz": npz(W1=np.eye(2), mask=np.ones(2)),
    "bias_without_weight.npz": npz(W1=np.eye(2), b2=np.ones(2)),
    "flat_weight.npz": npz(W1=np.ones(4)),
    "square_bias.npz": npz(W1=np.eye(2), b1=np.eye(2)),
    "no_rows.npz": npz(W1=np.ones((0, 2))),
    "not_chaining.npz": npz(W1=np.eye(2), W2=np.eye(3)),
    "short_bias.npz": npz(W1=np.eye(2), b1=np.ones(1)),
    "nan.npz": npz(W1=np.array([[1.0, np.nan]])),
    "complex.npz": npz(W1=np.eye(2) * 1j),
    "cube_x.npz": npz(W1=np.eye(2), x=np.ones((2, 2, 2))),
    "wide_x.npz": npz(W1=np.eye(2), x=np.ones(3)),
    "residual.npz": npz(W1=np.eye(2), W2=np.eye(2), block="residual"),
    "no_formula.npz": npz(W1=np.eye(2), block="x + Q("),
    "no_text.npz": npz(W1=np.eye(2), block=1),
    "no_layers.npz": npz(W1=np.eye(2), block="residual", layers=0),
    "few_layers.npz": npz(W1=np.eye(2), W2=np.eye(2), block="residual", layers=1),
    "no_v.npz": npz(W1=np.eye(2), block="bottleneck"),
    "wide_v.npz": npz(W1=np.eye(2), V1=np.ones((2, 3)), block="bottleneck"),
    "with_c.npz": npz(W1=np.eye(2), c1=np.ones(2), block="residual"),
    "with_u.npz": npz(W1=np.eye(2), u=np.ones((1, 2)), block="residual"),
    "with_fc.npz": npz(W1=np.eye(2), fc=np.eye(2), block="residual"),
    "tied.npz": npz(W=np.eye(2), U=np.eye(2), b=np.ones(2)),
    "tied_one.npz": npz(W=np.eye(2), U1=np.eye(2), layers=2, block="rnn"),
    "tied_rows.npz": npz(W=np.eye(2), U=np.eye(2), u=np.ones((3, 4, 2)), block="rnn"),
    "tied_flat.npz": npz(W=np.eye(2), U=np.eye(2), u=np.ones(2), block="rnn"),
    "tied_twice.npz": npz(W=np.eye(2), U=np.eye(2), u=np.eye(2), u1=np.ones(2), block="rnn"),
    "tied_gap.npz": npz(W=np.eye(2), U=np.eye(2), u2=np.ones(2), block="rnn"),
    "tied_uneven.npz": npz(W=np.eye(2), U=np.eye(2), u1=np.eye(2), u2=np.eye(3, 2), block="rnn"),
    "nothing_but_norms.npz": npz(block="S(x - LN(x))", layers=2),
    "nothing.npz": npz(block="S(x - LN(x))"),
    "class.txt": b"9\n",
    "twice.toml": b'layer_acts = "relu"\nlayer-acts = "tanh"\n',
    "nul.toml": b'layers = 2\noutput = "\\u0000.csv"\n',
    "long.toml": b"seed = 0x" + b"F" * 4000 + b"\n",
    "empty.csv": b"",
    "cells.csv": b'1,2,"a\n3,4,b',
    "ragged.csv": b"1,2,a\n3,b\n",
    "no_label.csv": b"1,2,a\n3,4,\n",
    "few.csv": b"1,2,a\n3,4,a\n5,6,b\n",
    "long_cell.csv": b"1," + b"2" * 200_000 + b",a\n",
    "many.csv": b"".join(b"%d,%d,c%d\n" % (i, i * i, i) for i in range(40)),
    "no_y.npz": npz(X=np.ones((4, 2))),
    "complex_x.npz": npz(X=np.ones((4, 2)) * 1j, y=np.arange(4) % 2),
    "flat_x.npz": npz(X=np.ones(4), y=np.arange(4) % 2),
    "nan_x.npz": npz(X=np.array([[1.0, np.nan]] * 4), y=np.arange(4) % 2),
    "wide_y.npz": npz(X=np.ones((4, 2)), y=np.ones((4, 2))),
    "nan_y.npz": npz(X=np.ones((4, 2)), y=np.array([0.0, np.nan, 1.0, 1.0])),
    "short_y.npz": npz(X=np.ones((4, 2)), y=np.arange(3) % 2),
    "one_test.npz": npz(
        X=np.eye(4, 2), y=np.arange(4) % 2, X_test=np.ones((1, 2)), y_test=np.zeros(1)
    ),
    "half_test.npz": npz(X=np.ones((4, 2)), y=np.arange(4) % 2, X_test=np.ones((4, 2))),
    "wide_test.npz": npz(
        X=np.ones((4, 2)), y=np.arange(4) % 2, X_test=np.ones((4, 3)), y_test=np.arange(4) % 2
    ),
    "new_label.npz": npz(
        X=np.ones((4, 2)), y=np.arange(4) % 2, X_test=np.ones((4, 2)), y_test=np.arange(4)
    ),
    "there.csv.part": b"anything\n",
    "bad.toml": b"layers = ",
    "unknown.toml": b"layer = 3",
    "kind.toml": b"jobs = true",
    "one_class.csv": b"1,2,a\n3,4,a\n5,6,a\n7,8,a\n9,1,a\n",
    "nan.csv": b"1,2,a\nnan,4,b\n5,6,a\n7,8,b\n9,1,a\n",
    "long_readout.npz": npz(W1=np.eye(2), r=np.ones(3)),
    "net.safetensors": safetensors(
        {"fc1.weight": np.ones((4, 3)), "fc3.weight": np.ones((2, 5)), "norm.weight": np.ones(3)}
    ),
    "short.safetensors": b"\0\0\0",
    "cut.safetensors": safetensors({"W1": np.eye(2)})[:40],
    "long.safetensors": raw(b" " * (10**7 + 1)),
    "header.safetensors": raw(b"{'W1': 1}"),
    "entry.safetensors": raw(b'{"W1": {"dtype": "F64", "shape": [1]}}'),
    "type.safetensors": raw(b'{"W1": {"dtype": "F7", "shape": [], "data_offsets": [0, 0]}}'),
    "size.safetensors": raw(b'{"W1": {"dtype": "F64", "shape": [9], "data_offsets": [0, 8]}}'),
    "overlap.safetensors": raw(
        b'{"W1": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},'
        b' "W2": {"dtype": "U8", "shape": [2], "data_offsets": [1, 3]}}'
    ),
    "holes.safetensors": safetensors({"W1": np.eye(2)}) + bytes(8),
    "norms.safetensors": safetensors({"norm.weight": np.ones(3), "norm.bias": np.ones(3)}),
    "four_bits.safetensors": safetensors({"W1": ("F4", np.zeros((2, 2), "u1"))}).replace(
        b"[2, 2]", b"[2, 4]"
    ),
    "nan.safetensors": safetensors({"W1": np.array([[1.0, np.nan]])}),
    "blocks.safetensors": safetensors({"W1": np.eye(2)}, {"vanish.block": "x + S(Wx)"}),
    "model.keras": b"PK",
    "model.h5": b"\x89HDF",
}

COMMAND_LINES = """
foo
--layers 2 foo
--bogus
--wdith 3
--layers
--layers x
--layers 2.5
--gain big
--seed 1e3
--quiet=yes
sigmoid 20
LeakyReLU
he-normal
residual 5
list
20
compare
swep
tour
--act sigmoid relu
--act sigmoid 20
--layers 3, 20
train sigmoid
derive 3
--act sigmoid, relu --layers 5
--widths 3 4
--layers 5 10
--layers 3,20,100
-n 5:50:10
--seed 1,2
sweep --act sigmoid relu
sweep --layers 3 4
sweep --bogus
train --layers 1 2
acts relu --layers 3 4
--layers=3,20
train --epochs x
acts --layers 3,4
help chy_1
help zzzz

--act sigmod
--act xyz
--act ''
--act relu,,tanh
--act relu --layer-acts relu
--layer-acts relu,sigmod
--layer-acts relu,tanh --layers 3
--layer-acts relu --widths 3,3,3
--layer-acts ''
--loss mean
--loss readoot
--init he_norml
--init he
--init xyz
--init normal
--init 'normal(0)'
--init 'uniform(1,0)'
--init 'auto(3)'
--init 'siren(x=2)'
--init 'he_normal(2'
--bias-init he_normal
--bias-init normal
--bias-init nromal(1)
--bias-std 1 --bias-init zeros
--init orthogonal,
--format tvs
--format yaml
--fail-on vanish
--fail-on stable
--fail-on ,

--layers 0
--layers -1
--width 0
--batch 0
--seed -1
--widths 3
--widths 3,0
--widths 3,x
--widths 3,2x0
--widths 3,2x99999999999
--widths 3,2xx3
--widths 3,2x
--last-act tanh,relu
derive --act 'leaky_relu(0.2),x*tanh(x)'
derive --block residual,prenorm
--bias-init 'normal(0.1),zeros'
--loss mse,sum
--gain 1,2 --layers 3
--init lsuv --width 1 --layers 2
--init lsuv --bias-std 3 --act tanh --layers 2
--init lsuv --engine sampled
theory --act tanh --init lsuv
--gain 1,,2
--gain 1,2 --layers 2 --last-gain 3
--last-gain 0
--block rnn --last-gain 2
fix --act relu,tanh
fix --framework keras
fix --jobs 0
fix --columns cure,ratio
fix --format html
fix --fail-on stable
fix --gain 1x0
fix --gain 1x
sweep --gain 1 --last-gain 0
--widths 3,,4
--widths ''
--widths 3,4 --width 3
--widths 3,4 --layers 2
--weight-std 0
--weight-std -1
--weight-std nan
--weight-std =1
--weight-std 1 --init orthogonal
--bias-std -1
--bias-std inf
--gain 0
--gain nan
--vanish-below 0
--vanish-below nan
--vanish-below 2 --explode-above 1
--explode-above inf
--rows -1 --format table
--rows 3
--rows 3 --format json
--no-header --format jsonl
--no-header --output x.md

--input missing.txt
--input .
--input ''
--input empty.txt
--input comment.txt
--input word.txt
--input ragged.txt
--input nan.txt
--input latin1.txt
--input cut.npy
--input pickled.npy
--input complex.npy
--input strings.npy
--input infinite.npy
--input cube.npy
--input nothing.npy
--input good.npz
--input -
--input - --target -
--block rnn --input - --steps -
--input row.txt -f csv -o ./row.txt
--input row.txt --batch 2
--input row.txt --widths 2,2
--input row.txt --weights good.npz
--weights residual.npz --block prenorm
--weights residual.npz --weights-layout in_out
--weights no_formula.npz
--weights no_text.npz
--weights no_layers.npz
--weights few_layers.npz
--weights no_v.npz
--weights wide_v.npz
--weights with_c.npz
--weights with_u.npz
--weights with_fc.npz
--weights tied.npz
--weights tied.npz --block rnn
--weights tied.npz --block S(W~x+b~) --layers 2
--weights tied.npz --block S(Wx+U~u) --layers 2
--weights tied_one.npz
--weights tied_rows.npz
--weights tied_flat.npz
--weights tied_twice.npz
--weights tied_gap.npz
--weights tied_uneven.npz
--weights nothing_but_norms.npz
--weights nothing.npz
--target row.txt
--target '' --loss mse
--target row.txt --loss mse
--target rows.txt --loss mse --widths 2,2 --batch 3
--target rows.txt --loss mse --width 2
--input row.txt --target rows.txt --loss mse --width 2
--target missing.txt --loss mse

--weights missing.npz
--weights .
--weights ''
--weights row.txt
--weights empty.txt
--weights cut.npz
--weights unknown_method.npz
--weights pickled.npz
--weights damaged_array.npz
--weights no_arrays.npz
--weights no_w.npz
--weights gap.npz
--weights no_number.npz
--weights twice.npz
--weights only_biases.npz
--weights flat_arrays.npz
--weights cube_arrays.npz
--weights loose_array.npz
--weights kernels.npz --weights-layout out_in
--weights good.npz --weights-layout in_uot
--weights-layout in_out
--weights unknown_array.npz
--weights bias_without_weight.npz
--weights flat_weight.npz
--weights square_bias.npz
--weights no_rows.npz
--weights not_chaining.npz
--weights short_bias.npz
--weights nan.npz
--weights complex.npz
--weights cube_x.npz
--weights wide_x.npz
--weights long_readout.npz
--weights missing.onnx
--weights missing.onnx --act relu
--weights missing.onnx --save-weights out.npz
--weights good.npz --until a_node
sweep --weights missing.onnx
--weights good.npz --layers 2
--weights good.npz --width 2
--weights good.npz --widths 2,2,3
--weights good.npz --weight-std 1
--weights good.npz --init orthogonal
--weights good.npz --bias-std 1
--weights good.npz --bias-init zeros
--weights good.npz --layer-acts relu
--weights - --input -

--output x
--output x.xyz
--output ''
--plot ''
--output . --format tsv
--output missing/x.tsv
--output loop.tsv
--output row.txt/x.tsv
--output x.tsv/
--output x.tsv --save-weights ./x.tsv --act relu
--plot missing/x.png
--save-weights x.npz
--save-weights x.npz --act relu --init he_normal,orthogonal
--block 'x + S(Wx)' --bias-init zeros
--save-weights '' --act relu
--save-weights - --act relu
--save-weights . --act relu
--save-weights missing/x.npz --act relu
--save-weights x.npz --act relu --weight-std 1e9 --gain 1e300

--act softplus --gain 1e300
--act 'x*x' --weights huge.npz
collapse --act 'x*x' --layers 12
--act tanh --gain 1e308
--layers 1000000000
--layers 100000000000000000000
--engine dense --width 1000000
--trials 0
--trials 1000000000000
--jobs 0
--memory lots
--memory 0MB
--engine sampld
--engine sampled --weights good.npz
--engine sampled --norm-bound
--engine sampled --init he_uniform
--engine sampled --init 'constant(1)'
--engine sampled --init identity,he_normal
--engine sampled --init torch
--engine sampled --layers 100000 --init orthogonal --memory 1kB
--save-weights x.npz --act relu --engine sampled
--save-weights x.npz --act relu --trials 2
--batch 1000000000000
--weights good.npz --batch 1000000000000

--layers 2 acts
--plot x.bmp
derive --wrt W4
derive --act ''
derive --block ''
theory --init he_normal --weight-std 1
theory --init 'normal(0.02)'
theory --init zeros
theory --init 'uniform(0,1)'
theory --init 'normal(0.02)' --layers 3 --width 0
theory --block residual --init 'normal(0.02)'
theory --layers 3
theory --weight-std 1e-20
theory --weight-std 1:2
theory --weight-std 1:2:3 --plot phase.png
theory --act tanhh
derive --wrt a4
derive --fragment
derive --block batchnorm --values
derive --width 3
derive --format tsv
derive --matrix --format json
derive --layers 0
acts sigmod
collapse --batch 1
sweep --layers 2 --resume
sweep --layers 2,2
sweep --layers 2.5
sweep --layers 2 --config missing.toml
sweep --layers 2 --jobs 0
sweep --seed 1:1000000:1000000 --layers 1:1000:1000
sweep --layers 2 --output x.csv --format table
sweep --layers 2 --per-layer --format table
sweep --layers 2 --plot x.png
sweep --layers 2 --scheduler nowhere
sweep --config long.toml
sweep --layers 2 --jobs 2 --scheduler tcp://127.0.0.1:1
sweep --layers 2 --scheduler tcp://127.0.0.1:1
sweep --layers 2 --config bad.toml
sweep --layers 2 --config unknown.toml
sweep --layers 2 --config kind.toml
train --act relu --layers x
train --layers 0
train --data missing.csv
train --data word.txt
train --data one_class.csv
train --data nan.csv
train --data spiral
train --data empty.csv
train --data cells.csv
train --data ragged.csv
train --data no_label.csv
train --data few.csv
train --data long_cell.csv
train --data many.csv
train --data latin1.txt
train --data no_y.npz
train --data complex_x.npz
train --data flat_x.npz
train --data nan_x.npz
train --data wide_y.npz
train --data nan_y.npz
train --data short_y.npz
train --data half_test.npz
train --data wide_test.npz
train --data new_label.npz
train --data one_test.npz --block batchnorm
train --block batchnorm --batch 1
train --block batchnorm --batch 17
train --block rnn
train --block residual --hidden 3
train --block "1e200 x + S(Wx+b)" --act relu --layers 3
train --lr -1
sweep --layers 2 --output there.csv
sweep --layers 2 --output there.csv --resume
sweep --layers 2 --output missing/x.csv
sweep --layers 2 --output row.txt --format csv
sweep --layers 2 --force
sweep --layers 2 --output /dev/null --format csv --resume
sweep --config nul.toml
sweep --config twice.toml
--loss cross_entropy --widths 2,2 --target class.txt
train --optimizer sdg
train --epochs 0
train --width 0
--loss cross_entropy --target word.txt
--loss cross_entropy --target row.txt
--loss bce
--loss bce --last-act identity --width 3 --target row.txt
--loss bce --layer-acts relu,sigmoid
sweep --loss bce --layers 2,3
sweep --act tanh --layer-acts relu,relu
sweep --resume --format csv --output /dev/null
sweep --vanish-below 1e4 --explode-above 1,2
--act relu --layer-acts relu --last-act relu
--layer-acts relu --last-act relu
--last-act foo
--block residul
--block 'x + S(Wx)' --bias-std 1
--block residual --weight-std Q=1
--weight-std W=
--block residual --steps row.txt
--block rnn --layers 3 --steps row.txt
--block rnn --layers 1 --hidden 5 --steps row.txt
theory --block residual --weight-std Q=1
theory --block 'x + S(Wx)' --bias-std 1
theory --block residual --width 4 --layers 3
theory --block residual --plot x.png
--columns layr
--columns 0x7f
--columns layer,Layer
--columns layer,,act
--columns layer --format json
--columns layer --output x.json
acts --columns act,bond
theory --columns chi
train --columns layer
train --fail-on learned
sweep --layers 10:50:4
sweep --layers 2:5
sweep --layers 2:5:0
sweep --layers 5:-5:11
sweep --weight-std 2:-2:5
sweep --weight-std 1:inf:3
theory --weight-std 2:-2:5
theory --bias-std 1:-1:5
sweep --layers 2 --per-layer --format markdown
sweep --layers 2 --per-layer --fail-on dead
sweep --layers 2,3 --width 2,3 --per-layer --plot x.png --format csv
sweep --layers 2 --columns act --output row.txt --format csv
sweep --layers 2 --output row.txt --format markdown
sweep --layers 2 --output row.txt --format json

--act 2x
--act 'sin(30)'
--act 'x*sigmiod(x)'
--act 'x*(1+x'
--act 'x)'
--act 'x²'
--act 'where(x>0,x)'
--act 'x if x>0 else 0'
--act 'relu,max(x)'
--act 'leaky_relu(0.2)*x'
--act 'leaky_relu(slop=0.2)'
--act 'leaky_relu(1e200)'
--act 'elu(alpha=-1)'
--act 'tanh(x,2)'
--act 1/x
--act 'sqrt(abs(x))'
--act 'exp(x)*cosh(x)*exp(-x^2)'
--act 'where(x>0,1,0)'
--act '1e300*(1e300*x)'
--act prelu
--act swiglu
--act maxout
--act tanhshrink
--layer-acts 'relu,x*' --layers 2
--last-act 'x^'
acts 'x*foo(x)'
sweep --act 'relu,x*' --layers 2
train --act 'x*' --layers 1
theory --act 'sin(30)'
show
show ''
show empty.safetensors
show empty.onnx
--weights empty.onnx
show missing.safetensors
show place.safetensors
show row.txt
show cut.npz
show pickled.npz
show no_arrays.npz
show short.safetensors
show cut.safetensors
show long.safetensors
show header.safetensors
show entry.safetensors
show type.safetensors
show size.safetensors
show overlap.safetensors
show holes.safetensors
show model.keras
show net.safetensors --weights-layout out
show net.safetensors --columns shap
--weights model.h5
--weights net.safetensors --select fc9
--weights net.safetensors --select '*x*'
--weights net.safetensors --select fc1,fc3
--weights net.safetensors --select norm
--weights net.safetensors --select ','
--weights net.safetensors --weights-layout out
--weights norms.safetensors
--weights four_bits.safetensors
--weights nan.safetensors
--weights blocks.safetensors
--weights blocks.safetensors --weights-layout in_out
--weights good.npz --select W9
--select fc1
sweep --select fc1
derive --select fc1
--save-weights x.pt --act relu
"""
CASES = [line for line in COMMAND_LINES.splitlines() if line]
# Longer than a line here may be.
CASES += [f"--act {'/'.join(f'(1+{i}*x^2)' for i in range(1, 80))}"]

# Messages that no command line of the above can lead to, by a part of their source.
NOT_HERE = (
    # raised by the library for its own callers; files are checked before
    *(
        "activation name",
        "name {spelling!r} is taken",
        "activation {activation.name}:",
        "activation {self.name}:",
    ),
    *("is empty: give at least one", "by letters without block", "give lists of values by"),
    *("{kind} {quoted(given)}: give one name", "give a list of epochs", "give a list of arrays"),
    *("which NumPy cannot read", "the file of this array is closed"),
    # of a process's own standard output: tests/system/test_checked_outputs.py
    "the same file as standard output",
    *("init beside weight_std: give", "layers without width", "act is empty: give"),
    *(
        "a sweep has one number a point",
        "by_layer: no epoch was kept",
        "leave out select and layout",
    ),
    *("block is empty: give", "width beside block: leave out one", "no affine map stands for"),
    *("outside float64: take", "batch {settings[0].rows}: give", "give a list of values"),
    *("settings of type", "rows of several lengths"),
    *("settings beside", "no weights: give", "biases for", "{option.kind.value}"),
    *("unknown_name('setting'", "an empty list: give", "last_act beside layer_acts"),
    *("but layer {k} gets", "b{k} has shape"),
    # of networks that no command line can describe yet: test_graph.py
    *("mean-field theory has no law here", "the lines of a derivation nest every value once"),
    # of what an extra reads: tests/files/test_onnx.py, test_onnx_errors.py
    *("values before a softmax", "it acts before a final", "holds its own graph, with its"),
    "a run without its entries",  # the command line always asks for them
    *("a chain of 0 layers", "layer_acts is empty", "the chain has no", "column {column + 1} is"),
    # of streams and permissions: test_output.py
    *(
        "standard input is closed",
        "standard output is closed",
        "standard output: {reason(error)}",
        "it is read-only",
        "a socket",
    ),
    # of machines that lack something
    *(
        "are too few to hold a fifth",
        "it does not fit into memory",
        "no thread can be started",
        "no process can be started",
        "LARGEST_TEXT",
        "{name}: neither .npy nor text: give one of them",
        "that cannot be unpacked",
        "a NUL in a file name",  # of the library: no command line can hold one
        "give a file that can be written",  # a disk that fails: test_journal.py
        "packed in a way",
        "entries of {what}",
        "matplotlib is not installed",
        "matplotlib cannot be imported",  # test_numbers.py
        "pandas is not installed",  # of the API alone: test_handed_on.py
    ),
    *("dask.distributed is not installed", "scikit-learn, which holds them, is not installed"),
    # of configurations: test_numbers.py
    *("lists in lists, too many to read", "give texts and numbers, or a list", "a NUL in it"),
    # of workers: test_sweep.py, test_sweep_cluster.py
    *("cannot be sent to other processes", "a worker lacks what the sweep needs"),
    *("processes end before they begin", "processes cannot be started"),
    *("it has no workers", "worker {worker} {wrong}", "a worker has {wrong[0]}"),
    # of sweeps that meet or run out of room: test_journal.py, test_sweep_command.py
    *("{other} is writing it", "it cannot be locked", "no regular file: remove it"),
    "all results are safe in",
    "make room, then go on with --resume",
    # of files on their way away: test_survey.py, test_safetensors.py
    *("it became shorter while it was read", "see to it, and try again"),
    "{path}: {reason(error)}: give a file",
    # of what PyTorch is or wrote: test_torchfile.py
    *("a damaged PyTorch file", "which takes code to be read"),
    *("PyTorch is not installed to read it", "has more numbers than the file"),
    # of formulas that are odd: test_expressions.py
    *("choices in choices", "has thousands of digits", "is the same number everywhere"),
    # of a file's graph: test_onnx.py
    *("which meet a matrix twice", "weights with a graph of their own"),
    # of the API alone: test_selection.py
    *("give a glob, or a list of globs", "give the name of a file"),
)

Place = tuple[Path, int]


class Outcome(NamedTuple):
    """What a command line came to, where the source raised it, and what files are new."""

    result: Result | BaseException
    raised_at: set[Place]
    files: set[Path]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Run every command line once."""
    directory = tmp_path_factory.mktemp("files")
    for name, content in FILES.items():
        (directory / name).write_bytes(content)
    (directory / "loop.tsv").symlink_to("loop.tsv")
    (directory / "place.safetensors").mkdir()
    raised_at: set[Place] = set()

    def record(error: errors.VanishError, *args: Any) -> None:
        Exception.__init__(error, *args)
        frame = sys._getframe(1)
        while frame.f_code.co_filename == errors.__file__:
            assert frame.f_back
            frame = frame.f_back
        raised_at.add((Path(frame.f_code.co_filename), frame.f_lineno))

    def outcome(line: str) -> Outcome:
        raised_at.clear()
        before = {*directory.iterdir()}
        try:
            result: Result | BaseException = run_in_process(*shlex.split(line))
        except Exception as error:  # noqa: BLE001 - the test of this line raises it again
            result = error
        return Outcome(result, {*raised_at}, {*directory.iterdir()} - before)

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        patch.setattr(memory, "available", lambda: 8 * 10**9)
        patch.setattr(errors.VanishError, "__init__", record)
        return {line: outcome(line) for line in CASES}


def raises() -> Iterator[tuple[Place, str]]:
    """Find the places in the source that raise an error of ours, with their text.

    Those about PyTorch's modules no command line can meet: tests/modules.
    """
    kinds = {"unknown_name", *(name for name in vars(errors) if name.endswith("Error"))}
    for path in sorted({*PACKAGE.rglob("*.py")} - {*(PACKAGE / "torch").rglob("*.py")}):
        if "onnx" in path.parts:
            continue  # of what an extra reads: tests/files/test_onnx_errors.py
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Raise)
                and isinstance(node.exc, ast.Call)
                and isinstance(node.exc.func, ast.Name)
                and node.exc.func.id in kinds
            ):
                yield (path, node.exc.lineno), ast.unparse(node)


@pytest.mark.parametrize("line", CASES)
def test_an_error_is_one_line_and_leaves_nothing_behind(
    line: str, outcomes: dict[str, Outcome]
) -> None:
    result, _, files = outcomes[line]
    if isinstance(result, BaseException):
        raise result
    assert (result.status, result.stdout) == (2, b"")
    assert result.stderr.startswith(b"Error: ")
    assert result.stderr.count(b"\n") == 1
    assert result.stderr.endswith(b"\n")
    assert not files


def test_error_messages_are_as_they_were(outcomes: dict[str, Outcome]) -> None:
    text = ""
    for line, (result, _, _) in outcomes.items():
        assert isinstance(result, Result), line
        text += f"$ vanish {line}\n{result.stderr.decode()}\n"
    check("errors", text)


def test_no_error_message_is_forgotten(outcomes: dict[str, Outcome]) -> None:
    reached = set().union(*(outcome.raised_at for outcome in outcomes.values()))
    forgotten = [
        text
        for place, text in raises()
        if place not in reached and not any(part in text for part in NOT_HERE)
    ]
    assert not forgotten
