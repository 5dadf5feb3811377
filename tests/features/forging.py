"""Numbers of a stored state made up, and its digest made anew: what a digest alone does not refuse."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from crypto_team.features.online_state import pack, unpack

WHOLE = (
    0,
    1,
    -1,
    2,
    7,
    63,
    255,
    256,
    1023,
    10**4,
    10**9,
    10**13,
    1 << 53,
    1 << 62,
    -(1 << 62),
    -(1 << 63),
    (1 << 63) - 1,
)
REAL = (0.0, -0.0, 1.0, -1.0, 0.5, 63.0, 1e9, 1e300, -1e300, 5e-324, float("nan"), float("inf"), -float("inf"))


def forged(stored: bytes, rng: np.random.Generator) -> bytes:
    """Return a stored state with one or two of its numbers changed, under a digest that is right."""
    arrays = unpack(io.BytesIO(stored))
    for _ in range(int(rng.integers(1, 3))):
        name = str(rng.choice(sorted(set(arrays) - {"key", "format", "head"})))
        arrays[name] = _changed(name, arrays[name], rng)
    return packed(arrays)


def packed(arrays: dict[str, np.ndarray]) -> bytes:
    """Return arrays as they are stored."""
    made = io.BytesIO()
    pack(made, arrays)
    return made.getvalue()


def _changed(name: str, item: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if name == "book.micro":
        return np.frombuffer(forged(item.tobytes(), rng), dtype=np.uint8)
    made = item.copy()
    if rng.random() < 0.1 and item.ndim:
        return made[: int(rng.integers(0, len(item) + 1))] if rng.random() < 0.5 else np.concatenate([made, made])
    if item.dtype.names:
        field = str(rng.choice(item.dtype.names))
        made[field] = _numbers(made[field], rng)
        return made
    return _numbers(made, rng) if item.dtype.kind in "if" else made


def _numbers(item: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change one number, several that lie together, or the small and large ones: counts are few among all of them."""
    flat: Any = item.reshape(-1).copy()
    if not flat.size:
        return item
    at, many = int(rng.integers(0, flat.size)), int(rng.choice([1, 1, 4, flat.size]))
    if flat.dtype.kind == "i" and rng.random() < 0.5:
        at = int(rng.integers(0, min(flat.size, 60)))
    part = slice(at, at + many)
    how = rng.integers(0, 3)
    if how == 0:
        flat[part] = rng.choice(np.array(WHOLE if flat.dtype.kind == "i" else REAL, dtype=flat.dtype))
    elif how == 1:
        flat[part] = flat[part][::-1] if many > 1 else -flat[part]
    else:
        flat[part] += rng.choice(np.array([1, -1, 3, -7], dtype=flat.dtype))
    return flat.reshape(item.shape)
