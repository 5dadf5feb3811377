"""How often classes occur and how much each overlapping label counts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crypto_team.errors import UsageError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def class_balance(label: Floats, n_classes: int) -> Floats:
    """Return the share of each class among the known labels, shape (n_classes,); NaN where none is known."""
    known = label[np.isfinite(label)].astype(np.int64)
    counts = np.bincount(known, minlength=n_classes)[:n_classes].astype(np.float64)
    return counts / known.size if known.size else np.full(n_classes, np.nan)


def concurrency(starts: Ints, ends: Ints) -> Ints:
    """Return how many labels are alive at each bar from the first start to the last end, both ends included."""
    first = int(starts.min())
    change = np.zeros(int(ends.max()) - first + 2, dtype=np.int64)
    np.add.at(change, starts - first, 1)
    np.add.at(change, ends - first + 1, -1)
    return np.cumsum(change)[:-1]


def average_uniqueness(starts: Ints, ends: Ints) -> Floats:
    """Return each label's average uniqueness over the bars start..end, both included.

    At each bar the uniqueness is one over the number of labels alive; a label's is its mean over the label's life.
    Source: Lopez de Prado (2018), Advances in Financial Machine Learning, 4.4.
    """
    alive = concurrency(starts, ends)
    inverse = np.concatenate([[0.0], np.cumsum(1.0 / np.maximum(alive, 1))])
    first = starts.min()
    total: Floats = inverse[ends - first + 1] - inverse[starts - first]
    return total / (ends - starts + 1)


def uniqueness_weights(label: Floats, known_after: Ints) -> Floats:
    """Return training weights by average uniqueness: mean one over the known labels, zero where the label is NaN.

    Parameters
    ----------
    label
        Labels of one series on a regular grid, shape (n,).
    known_after
        The label of bar t covers the bars of [t, t + known_after[t]), shape (n,).
    """
    made = np.zeros(label.size)
    starts = np.flatnonzero(np.isfinite(label)).astype(np.int64)
    if starts.size:
        uniqueness = average_uniqueness(starts, starts + known_after[starts] - 1)
        made[starts] = uniqueness / uniqueness.mean()
    return made


def class_weights(label: Floats, n_classes: int) -> Floats:
    """Return one weight per class, n / (classes that occur * rows of the class), so that every class counts alike.

    Parameters
    ----------
    label
        Classes of the training rows, shape (n,); NaN do not count.
    n_classes
        Number of classes.

    Returns
    -------
    ndarray
        Shape (n_classes,); 0 for a class that does not occur. Over the known rows the weights have mean one.
    """
    known = label[np.isfinite(label)].astype(np.int64)
    counts = np.bincount(known, minlength=n_classes)[:n_classes].astype(np.float64)
    present = max(1, int((counts > 0).sum()))
    return np.divide(known.size, present * counts, out=np.zeros(n_classes), where=counts > 0)


def time_decay(uniqueness: Floats, last: float) -> Floats:
    """Return weights that fall linearly with age, measured in cumulated uniqueness; the newest label has weight one.

    Parameters
    ----------
    uniqueness
        Average uniqueness of the labels in time order, shape (n,).
    last
        Weight at the oldest end, in (-1, 1]. 1 is no decay; below 0, the oldest part of that share gets no weight.

    Notes
    -----
    Source: Lopez de Prado (2018), Advances in Financial Machine Learning, snippet 4.11.
    """
    if not -1.0 < last <= 1.0:
        raise UsageError("the weight of the oldest label has to be above -1 and at most 1")
    age = np.cumsum(uniqueness)
    total = float(age[-1]) if age.size else 1.0
    slope = (1.0 - last) / total if last >= 0.0 else 1.0 / ((last + 1.0) * total)
    return np.maximum(1.0 - slope * total + slope * age, 0.0)


def return_attribution(close: Floats, starts: Ints, ends: Ints) -> Floats:
    """Return weights by the log return that belongs to each label alone, scaled to mean one.

    w_i ~ |sum over the bars of the label of log return / labels alive|. Bars are start..end, both included; the return
    of a bar is the one that ends with it, that of bar 0 is unknown and counts nothing.
    Source: Lopez de Prado (2018), Advances in Financial Machine Learning, snippet 4.10.
    """
    alive = np.zeros(close.size)
    first = int(starts.min())
    counted = concurrency(starts, ends)
    alive[first : first + counted.size] = counted
    moves = np.diff(np.log(close), prepend=np.log(close[:1]))
    share = np.concatenate([[0.0], np.cumsum(np.divide(moves, alive, out=np.zeros_like(moves), where=alive > 0.0))])
    weight: Floats = np.abs(share[ends + 1] - share[starts])
    return np.asarray(weight * weight.size / weight.sum())


def sequential_probabilities(starts: Ints, ends: Ints, drawn: Ints) -> Floats:
    """Return the probability of each label to be drawn next in the sequential bootstrap.

    Proportional to the mean over the label's bars of 1 / (1 + times the bar is covered by labels drawn so far).
    Source: Lopez de Prado (2018), Advances in Financial Machine Learning, 4.5.

    Parameters
    ----------
    starts, ends
        Bars of each label, both included, shape (n,).
    drawn
        Numbers of the labels drawn so far, with repetitions.
    """
    bars = int(ends.max()) + 1
    change = np.zeros(bars + 1)
    np.add.at(change, starts[drawn], 1.0)
    np.add.at(change, ends[drawn] + 1, -1.0)
    free = np.concatenate([[0.0], np.cumsum(1.0 / (1.0 + np.cumsum(change)[:-1]))])
    average = (free[ends + 1] - free[starts]) / (ends - starts + 1)
    return np.asarray(average / average.sum())


def sequential_bootstrap(starts: Ints, ends: Ints, size: int, rng: np.random.Generator) -> Ints:
    """Draw `size` labels one after the other, each with :func:`sequential_probabilities` given those before it."""
    drawn = np.empty(size, dtype=np.int64)
    for number in range(size):
        drawn[number] = rng.choice(starts.size, p=sequential_probabilities(starts, ends, drawn[:number]))
    return drawn
