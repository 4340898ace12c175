"""The one place that knows the compiler of the inner loops."""

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Loop = TypeVar("Loop", bound=Callable[..., object])


def compiled(loop: Loop) -> Loop:
    """Return a loop over arrays as machine code, kept on disk between processes.

    The arithmetic is IEEE's in the order written, division by zero included, so a result
    does not depend on the machine or on what was computed beside it.
    """
    return cast(Loop, numba.njit(cache=True, nogil=True, error_model="numpy")(loop))
