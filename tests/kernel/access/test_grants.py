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
        ("crm.*.read", "crm.deals.read", True),
        ("crm.*", "crm.deals.delete", True),
        ("*.*.manage", "crm.deals.win", True),
        ("*.*.manage", "users.manage", False),
        ("*.read", "crm.deals.read", False),
        ("crm.deals.manage", "shop.deals.read", False),
    ],
)
def test_what_a_grant_covers(grant: str, permission: str, covered: bool) -> None:
    """R36, S0-54: parts, wildcards, and ``manage`` for any action."""
    assert covers(grant, permission) is covered


@pytest.mark.parametrize(
    ("grants", "scopes", "reach"),
    [
        (["own:crm.deals.read"], None, Reach.own),
        (["own:crm.*.manage", "team:crm.deals.read"], None, Reach.team),
        (["own:crm.deals.read", "crm.*.read"], None, Reach.all),
        (["crm.deals.update"], None, None),
        (["crm.deals.read"], ["own:crm.*.read"], Reach.own),
        (["own:crm.deals.read"], ["*"], Reach.own),
        (["crm.deals.read"], ["files.*"], None),
        (["their:crm.deals.read"], None, None),
    ],
)
def test_how_far_somebody_reaches(
    grants: list[str], scopes: list[str] | None, reach: Reach | None
) -> None:
    """R36: the furthest grant counts, and the scope of a key bounds it."""
    actor = Actor(ActorKind.user, None, grants=grants, scopes=scopes)
    assert actor.reach("crm.deals.read") is reach
    assert actor.may("crm.deals.read") is (reach is Reach.all)


@pytest.mark.parametrize(
    ("mine", "wanted", "held"),
    [
        (["*"], "*", True),
        (["*.*.manage"], "*", False),
        (["*.*.manage"], "crm.*.manage", True),
        (["*.*.manage"], "crm.deals.*", False),
        (["crm.*"], "crm.deals.*", True),
        (["*.*.read"], "*.*.manage", False),
        (["own:crm.deals.read"], "crm.deals.read", False),
        (["team:crm.deals.read"], "own:crm.deals.read", True),
        (["own:crm.deals.read"], "team:crm.deals.read", False),
        (["crm.deals.read"], "team:crm.deals.read", True),
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
        ("own:crm.deals.update", True),
        ("*", True),
        ("users.read", True),
        ("crm..read", False),
        ("crm.deals.read;", False),
        ("own:", False),
        ("own:team:crm.deals.read", False),
        ("a.b.c.d.e", False),
        ("", False),
    ],
)
def test_how_a_grant_is_written(text: str, is_one: bool) -> None:
    """R36."""
    assert (GRANT.fullmatch(text) is not None) is is_one
