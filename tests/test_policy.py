"""Recipes: what they say by themselves, and what they refuse."""

from __future__ import annotations

import redact
from redact.policy import parse_policy

SMALLEST = 'schema = 1\nname = "smallest"\n[obscure]\nkinds = ["face", "plate"]\n'


def test_what_a_recipe_does_not_say_is_as_in_public_release() -> None:
    """A recipe of one's own must not be laxer than the strictest one only because it is shorter."""
    public = redact.policy_of("public-release")
    names = {"name": public.name, "description": public.description}
    assert parse_policy(SMALLEST, "smallest").model_copy(update=names) == public
