"""Blocks that have names: the usual ones, as those who use them call them."""

from __future__ import annotations

from vanish.network.registry import Registry
from vanish.records import Record


class NamedBlock(Record):
    """A block that has a name.

    Attributes
    ----------
    name
        What it is called.
    text
        Its formula.
    meaning
        What it is, in a line.
    source
        Who has it.
    growth
        What one block multiplies E‖∂L/∂f‖² by in an infinitely wide network, in the letters of
        `LETTERS`; layer 1 is another matter where x is.
    aliases
        What else it is called.
    """

    name: str
    text: str
    meaning: str
    source: str
    growth: str
    aliases: tuple[str, ...] = ()


# What the letters in `growth` mean.
LETTERS = {
    "σ_w, σ_v": "weight_std of W and V",
    "p, m": "mean square and mean of the entries of x; p', m' those of the sum in LN(…)",
    "q": "mean square of the entries of what W and b make, such as Wx+b",
    "V, M": "mean square and mean of S(√q z), z standard normal",
    "C(q)": "mean square of S'(√q z)",
    "N": "the number of layers",
}

PLAIN = NamedBlock(
    "plain",
    "S(Wx+b)",
    "the article's layer",
    "Rumelhart, Hinton and Williams 1986",
    "σ_w² C(q)",
)

_RECORDS = (
    PLAIN,
    NamedBlock(
        "residual",
        "x + S(Wx+b)",
        "a skip around the layer",
        "He et al. 2016; Yang and Schoenholz 2017",
        "1 + σ_w² C(q)",
        ("skip",),
    ),
    NamedBlock(
        "residual_scaled",
        "x + 1/sqrt(layers) S(Wx+b)",
        "a skip, and branches that add up to one however many there are",
        "Hayou et al. 2021",
        "1 + σ_w² C(q)/N",
        ("scaled_residual",),
    ),
    NamedBlock(
        "bottleneck",
        "x + V S(Wx+b)",
        "a skip around two matrices, with --hidden units between them",
        "He et al. 2016; Yang and Schoenholz 2017",
        "1 + σ_v² σ_w² C(q)",
        ("residual_mlp", "resnet"),
    ),
    NamedBlock(
        "prenorm",
        "x + V S(W LN(x)+b)",
        "a transformer's two matrices, the norm before them in the branch",
        "Xiong et al. 2020",
        "1 + σ_v² σ_w² C(q)/(p - m²)",
        ("pre_ln",),
    ),
    NamedBlock(
        "prenorm_rms",
        "x + V S(W RMS(x)+b)",
        "the same with RMS in place of LN",
        "Zhang and Sennrich 2019; Touvron et al. 2023",
        "1 + σ_v² σ_w² C(q)/p",
        ("pre_rms",),
    ),
    NamedBlock(
        "postnorm",
        "LN(x + V S(Wx+b) + c)",
        "a transformer's two matrices, the norm behind the sum",
        "Vaswani et al. 2017; Xiong et al. 2020",
        "(1 + σ_v² σ_w² C(q))/(p' - m'²)",
        ("post_ln",),
    ),
    NamedBlock(
        "layernorm",
        "S(LN(Wx+b))",
        "LN before the activation",
        "Ba, Kiros and Hinton 2016",
        "σ_w² C(1)/q",
    ),
    NamedBlock(
        "layernorm_after",
        "LN(S(Wx+b))",
        "LN behind the activation",
        "Doshi, He and Gromov 2021",
        "σ_w² C(q)/(V - M²)",
    ),
    NamedBlock(
        "rmsnorm",
        "S(RMS(Wx+b))",
        "RMS before the activation",
        "Zhang and Sennrich 2019",
        "σ_w² C(1)/q",
    ),
    NamedBlock(
        "rmsnorm_after",
        "RMS(S(Wx+b))",
        "RMS behind the activation",
        "Zhang and Sennrich 2019; Doshi, He and Gromov 2021",
        "σ_w² C(q)/V",
    ),
    NamedBlock(
        "batchnorm",
        "S(BN(Wx+b))",
        "BN over the batch, before the activation",
        "Ioffe and Szegedy 2015; Yang et al. 2019",
        "π/(π - 1) for relu, many rows",
    ),
    NamedBlock(
        "rnn",
        "S(W~x + U~u + b~)",
        "a recurrent network through time: a layer is a step, and shares its parameters",
        "Elman 1990; Pascanu, Mikolov and Bengio 2013",
        "σ_w² C(q)",
        ("recurrent",),
    ),
    NamedBlock(
        "rnn_untied",
        "S(Wx + Uu + b)",
        "the same with new parameters in every step, as theory has it",
        "Chen, Pennington and Schoenholz 2018",
        "σ_w² C(q)",
    ),
)

NAMED: Registry[NamedBlock] = Registry("block", _RECORDS)
