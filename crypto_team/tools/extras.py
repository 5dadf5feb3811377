"""Which extra brings which package, so that a missing one is an error that names it."""

from __future__ import annotations

from typing import Final

from crypto_team.errors import MissingExtraError

EXTRA_OF: Final[dict[str, str]] = {
    "numpy": "ml",
    "pandas": "ml",
    "pyarrow": "ml",
    "scipy": "ml",
    "sklearn": "ml",
    "numba": "ml",
    "lightgbm": "ml",
    "xgboost": "ml",
    "matplotlib": "ml",
    "statsmodels": "ml",
    "arch": "ml",
    "catboost": "ml",
    "optuna": "ml",
    "shap": "ml",
    "torch": "deep",
    "safetensors": "deep",
    "river": "live",
    "freqtrade": "freqtrade",
    "cryptography": "sign",
}


def missing_extra(problem: ModuleNotFoundError) -> MissingExtraError | None:
    """Return the error for a package that an extra brings, or None when its absence is a bug."""
    package = (problem.name or "").partition(".")[0]
    extra = EXTRA_OF.get(package)
    if extra is None:
        return None
    return MissingExtraError(
        f"this needs {package}, which is not installed", hint=f"pip install 'crypto-team[{extra}]'"
    )
