"""Following: findings of single frames become tracks over the whole video. Pure."""

from redact.track.link import link
from redact.track.movement import Movement
from redact.track.regions import RegionsByFrame
from redact.track.unite import unite
from redact.track.unseen import path

__all__ = ["Movement", "RegionsByFrame", "link", "path", "unite"]
