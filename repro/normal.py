"""The normal distribution's quantile and the logarithm, with the same bits on every machine."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


# Wichura 1988, "Algorithm AS 241: the percentage points of the normal distribution", PPND16: three
# quotients of polynomials, the coefficients of the highest power first.
_CENTRE = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
     4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
     1.3314166789178437745e2, 3.3871328727963666080e0),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
     2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
     4.2313330701600911252e1, 1.0),
)  # fmt: skip


_TAIL = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
     1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
     4.63033784615654529590e0, 1.42343711074968357734e0),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
     1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
     2.05319162663775882187e0, 1.0),
)  # fmt: skip


_FAR_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
     2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
     5.46378491116411436990e0, 6.65790464350110377720e0),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
     7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
     5.99832206555887937690e-1, 1.0),
)  # fmt: skip


def normal_quantile(share: Doubles) -> Doubles:
    """Where the standard normal distribution has this share, in (0, 1), below it: float64 (N,).

    Made of additions, multiplications, divisions and square roots alone, each of which is rounded
    the same way on every machine; the logarithm is :func:`natural_log`.
    """
    centred = share - 0.5
    out = _quotient(_CENTRE, 0.180625 - centred * centred)
    out *= centred
    tails = np.flatnonzero(np.abs(centred) > 0.425)
    below = np.minimum(share[tails], 1.0 - share[tails])
    root = np.sqrt(-natural_log(below))
    far = root > 5.0
    away = np.where(far, _quotient(_FAR_TAIL, root - 5.0), _quotient(_TAIL, root - 1.6))
    out[tails] = np.where(centred[tails] < 0, -away, away)
    return out


def natural_log(x: Doubles) -> Doubles:
    """Natural logarithm of positive normal numbers, float64 (N,): with x = m 2**e and m between
    the roots of a half and of two, e ln 2 + 2 artanh((m - 1) / (m + 1)), by its series."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < math.sqrt(0.5)
    mantissa = np.where(low, 2.0 * mantissa, mantissa)
    exponent = exponent - low
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    square = ratio * ratio
    series = np.full_like(ratio, 1 / 23)
    for power in range(21, 0, -2):
        series = series * square + 1 / power
    # ln 2 in two parts, of which the first has so few digits that its multiples are exact.
    return exponent * 0.6931471803691238 + (
        2.0 * ratio * series + exponent * 1.9082149292705877e-10
    )


def _quotient(polynomials: tuple[tuple[float, ...], tuple[float, ...]], x: Doubles) -> Doubles:
    above, below = (np.full_like(x, each[0]) for each in polynomials)
    for up, down in zip(polynomials[0][1:], polynomials[1][1:], strict=True):
        above *= x
        above += up
        below *= x
        below += down
    above /= below
    return above
