"""How long a CUSUM runs until it alarms, from the Markov chain of its levels."""

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln, xlog1py, xlogy

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STATES = 500  # a chain of more states is thinned to this many
_RARE = 1e-13  # outcomes of a batch less likely than this are left out


@lru_cache(maxsize=256)
def lowest_limit(up: int, down: int, batch: int, rate: float, looks: float) -> int:
    """Return the lowest limit whose average run length at this rate is at least `looks`.

    Examples
    --------
    >>> lowest_limit(68, 1, 150, 0.01, 365)
    391
    """
    high = up
    while average_run_length(up, down, high, batch, rate) < looks:
        high *= 2
    low = 1
    while low < high:
        middle = (low + high) // 2
        if average_run_length(up, down, middle, batch, rate) >= looks:
            high = middle
        else:
            low = middle + 1
    return high


@lru_cache(maxsize=1024)
def average_run_length(up: int, down: int, limit: int, batch: int, rate: float) -> float:
    """Return the mean number of looks until a CUSUM from level 0 reaches `limit`.

    The levels under the limit are the states of a Markov chain. Of more than 500 levels every few
    are one state, and a level between two states is shared by both, which keeps its mean.

    Parameters
    ----------
    up, down
        What a wrong draft adds to the level and a right one takes from it.
    limit
        The level that alarms.
    batch
        Audits between two looks.
    rate
        The error rate meanwhile; at 0 the answer is infinite.

    References
    ----------
    Brook & Evans 1972, Biometrika 59.

    Examples
    --------
    >>> average_run_length(1, 1, 1, 1, 0.25)  # the first wrong one of singles alarms
    4.0
    """
    if rate <= 0:
        return math.inf
    k, chance = _outcomes(batch, rate)
    spacing = max(1.0, limit / _STATES)
    states = np.arange(math.ceil(limit / spacing))
    moved = states[:, None] * spacing + k * up - (batch - k) * down
    low = np.floor(np.maximum(moved, 0) / spacing)
    part = np.maximum(moved, 0) / spacing - low
    stays = np.zeros((len(states), len(states)))
    for to, share in ((low, 1 - part), (low + 1, part)):
        inside = (moved < limit) & (to < len(states))
        rows = np.broadcast_to(states[:, None], to.shape)[inside]
        np.add.at(stays, (rows, to[inside].astype(int)), (share * chance)[inside])
    system = np.eye(len(states)) - stays
    return float(np.linalg.solve(system, np.ones(len(states)))[0])


def _outcomes(batch: int, rate: float) -> tuple["NDArray[np.float64]", "NDArray[np.float64]"]:
    k = np.arange(batch + 1.0)
    ways = gammaln(batch + 1) - gammaln(k + 1) - gammaln(batch - k + 1)
    chance = np.exp(ways + xlogy(k, rate) + xlog1py(batch - k, -rate))
    likely = chance > _RARE
    return k[likely], chance[likely] / chance[likely].sum()
