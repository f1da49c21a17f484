"""Recipes: what they say by themselves, and what they refuse."""

from __future__ import annotations

import pytest

import redact
from redact.errors import RecipeError
from redact.policy import parse_policy

SMALLEST = 'schema = 1\nname = "smallest"\n[obscure]\nkinds = ["face", "plate"]\n'


def test_what_a_recipe_does_not_say_is_as_in_public_release() -> None:
    """A recipe of one's own must not be laxer than the strictest one only because it is shorter."""
    public = redact.policy_of("public-release")
    names = {"name": public.name, "description": public.description}
    assert parse_policy(SMALLEST, "smallest").model_copy(update=names) == public


def test_a_quality_that_verification_mostly_fails_is_not_allowed() -> None:
    parse_policy(f"{SMALLEST}[encode]\ncrf = 28\n", "coarse")
    with pytest.raises(RecipeError, match=r"coarse, line 6: encode\.crf must be at most 28, got 29"):
        parse_policy(f"{SMALLEST}[encode]\ncrf = 29\n", "coarse")


def test_a_name_that_is_not_allowed_is_told_what_is() -> None:
    with pytest.raises(RecipeError, match="mine, line 2: name is wrong: small letters, digits and hyphens are allowed"):
        parse_policy(SMALLEST.replace("smallest", "My Recipe"), "mine")
