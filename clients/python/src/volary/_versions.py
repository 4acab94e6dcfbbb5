"""What is told of versions beside their predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class ModelCard:
    """What to know of a version before relying on it."""

    model: str
    version: int
    markdown: str
    revision: int
    """Grows with every edit; 0 while nobody has edited what is known from training."""
    updated_by: str | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Comparison:
    """Runs and versions beside each other. What has `cells`, `values` or `curves` has one for each of `items`."""

    task: str
    baseline: int
    """The place in `items` of the one that the others are compared to."""
    items: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]
    """What makes it unfair, such as other held-out rows."""
    metrics: tuple[Mapping[str, Any], ...]
    """`name`, `higher_is_better`, `cells` with `value`, `delta`, `is_better`, `low`, `high`, `std`."""
    settings: tuple[Mapping[str, Any], ...]
    inputs: tuple[Mapping[str, Any], ...]
    classes: tuple[str, ...] = ()
    curves: tuple[Mapping[str, Any], ...] = ()
    importance: Mapping[str, Any] | None = None
