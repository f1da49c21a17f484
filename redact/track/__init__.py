"""Following: findings of single frames become tracks over the whole video. Pure."""

from redact.track.link import link
from redact.track.movement import Movement
from redact.track.regions import RegionsByFrame
from redact.track.unite import unite

__all__ = ["Movement", "RegionsByFrame", "link", "unite"]
