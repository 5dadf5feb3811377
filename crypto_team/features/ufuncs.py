"""What NumPy's functions of whole arrays are as steps of the machine."""

from __future__ import annotations

from typing import Final

from crypto_team.features import opcodes as op

UFUNCS: Final[dict[str, int]] = {
    "add": op.ADD,
    "subtract": op.SUB,
    "multiply": op.MUL,
    "divide": op.DIV,
    "maximum": op.LARGER,
    "minimum": op.SMALLER,
    "logical_and": op.BOTH,
    "logical_or": op.EITHER,
    "less": op.LT,
    "less_equal": op.LE,
    "equal": op.EQ,
    "absolute": op.ABS,
    "fabs": op.ABS,
    "sqrt": op.ROOT,
    "log": op.LOG,
    "sign": op.SIGN,
    "exp": op.EXP,
    "erf": op.ERF,
    "invert": op.NOT,
    "logical_not": op.NOT,
    "isnan": op.UNKNOWN,
    "sin": op.SINE,
    "cos": op.COSINE,
    "bitwise_and": op.BOTH,
    "bitwise_or": op.EITHER,
    "floor_divide": op.FLOOR_DIV,
    "remainder": op.MODULO,
    "power": op.POWER_OF,
}
