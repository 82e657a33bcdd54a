"""Grants: what covers what, how far it reaches, and who has all that another gives."""

import pytest

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.grants import GRANT, Reach, covers, holds


@pytest.mark.parametrize(
    ("grant", "permission", "covered"),
    [
        ("*", "users.read", True),
        ("users.manage", "users.delete", True),
        ("users.read", "users.delete", False),
        ("sales.*.read", "sales.deals.read", True),
        ("sales.*", "sales.deals.delete", True),
        ("*.*.manage", "sales.deals.win", True),
        ("*.*.manage", "users.manage", False),
        ("*.read", "sales.deals.read", False),
        ("sales.deals.manage", "shop.deals.read", False),
    ],
)
def test_what_a_grant_covers(grant: str, permission: str, covered: bool) -> None:
    """R36, S0-54: parts, wildcards, and ``manage`` for any action."""
    assert covers(grant, permission) is covered


@pytest.mark.parametrize(
    ("grants", "scopes", "reach"),
    [
        (["own:sales.deals.read"], None, Reach.own),
        (["own:sales.*.manage", "team:sales.deals.read"], None, Reach.team),
        (["own:sales.deals.read", "sales.*.read"], None, Reach.all),
        (["sales.deals.update"], None, None),
        (["sales.deals.read"], ["own:sales.*.read"], Reach.own),
        (["own:sales.deals.read"], ["*"], Reach.own),
        (["sales.deals.read"], ["files.*"], None),
        (["their:sales.deals.read"], None, None),
    ],
)
def test_how_far_somebody_reaches(
    grants: list[str], scopes: list[str] | None, reach: Reach | None
) -> None:
    """R36: the furthest grant counts, and the scope of a key bounds it."""
    actor = Actor(ActorKind.user, None, grants=grants, scopes=scopes)
    assert actor.reach("sales.deals.read") is reach
    assert actor.may("sales.deals.read") is (reach is Reach.all)


@pytest.mark.parametrize(
    ("mine", "wanted", "held"),
    [
        (["*"], "*", True),
        (["*.*.manage"], "*", False),
        (["*.*.manage"], "sales.*.manage", True),
        (["*.*.manage"], "sales.deals.*", False),
        (["sales.*"], "sales.deals.*", True),
        (["*.*.read"], "*.*.manage", False),
        (["own:sales.deals.read"], "sales.deals.read", False),
        (["team:sales.deals.read"], "own:sales.deals.read", True),
        (["own:sales.deals.read"], "team:sales.deals.read", False),
        (["sales.deals.read"], "team:sales.deals.read", True),
    ],
)
def test_who_has_all_that_a_grant_gives(
    mine: list[str], wanted: str, held: bool
) -> None:
    """R21: a grant is given by those alone who have the whole of it."""
    assert holds(mine, wanted) is held


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("own:sales.deals.update", True),
        ("*", True),
        ("users.read", True),
        ("sales..read", False),
        ("sales.deals.read;", False),
        ("own:", False),
        ("own:team:sales.deals.read", False),
        ("a.b.c.d.e", False),
        ("", False),
    ],
)
def test_how_a_grant_is_written(text: str, is_one: bool) -> None:
    """R36."""
    assert (GRANT.fullmatch(text) is not None) is is_one
