"""Finding faces and plates: one protocol, several detectors, chosen by the name on their card."""

from redact.detect.attention import Attention
from redact.detect.base import Detector
from redact.detect.cards import Card, load_card, load_cards
from redact.detect.registry import best_device, load_detector, open_detector

__all__ = ["Attention", "Card", "Detector", "best_device", "load_card", "load_cards", "load_detector", "open_detector"]
