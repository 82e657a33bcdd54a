"""The parts of live events that need no database."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.database.home import Home, Isolation, Login
from insula.kernel.events.live.hub import Capacity, Hub, Place, Restarting
from insula.kernel.events.live.listener import MOST_BYTES, Ending, Listener
from insula.kernel.events.live.reading import LiveEvent, Reader
from insula.kernel.events.live.topics import BadTopics, parse_topics
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.services.live.tickets import LIFETIME, Tickets
from insula.kernel.services.live.visibility import Concealment, Visibility
from insula.kernel.tenancy.models import State
from insula.kernel.tenancy.tenant import Tenant

pytestmark = pytest.mark.anyio
HOME = Home(uuid7(), Isolation.shared, "shared", Login("h", 1, "d", "u", "p"))
TENANT = Tenant(
    uuid7(), "t", "T", State.active, "t.test", HOME, None, {"crm": "active"}
)


@pytest.mark.parametrize(
    ("patterns", "name", "held"),
    [
        (None, "crm.deal.won", True),
        ("crm.deal.won", "crm.deal.won", True),
        ("crm.deal.won", "crm.deal.won.again", False),
        ("crm.deal", "crm.deal.won", False),
        ("crm.*", "crm.deal.won", True),
        ("crm.*", "crm", False),
        ("*.deal.*", "crm.deal.won", True),
        ("*.deal.*", "crm.contact.won", False),
        ("*.won", "crm.deal.won", False),
        ("user.*,crm.*", "crm.deal.won", True),
        ("*", "crm.deal.won", True),
    ],
)
def test_a_topic_means_names(patterns: str | None, name: str, *, held: bool) -> None:
    topics = parse_topics(patterns)
    assert [topics.hold(name), topics.hold(name)] == [held, held]


@pytest.mark.parametrize(
    "patterns",
    ["", ",", "Crm.x", "a b", "a..b", "**", "a.b.c.d.e.f.g", "a," * 20 + "a"],
)
def test_an_odd_topic_is_refused(patterns: str) -> None:
    with pytest.raises(BadTopics):
        parse_topics(patterns)


def test_hidden_fields_are_never_told() -> None:
    """An update's event has the old and the new value of every field that changed."""
    conceal = Concealment({"crm.deal": {"secret"}, "crm.contact": ()})
    data = msgspec.Raw(b'{"name":["a","b"],"secret":["x","y"]}')
    assert bytes(conceal("crm.deal.updated", data)) == b'{"name":["a","b"]}'
    assert conceal("crm.contact.updated", data) is data


@pytest.mark.parametrize(
    ("name", "grants", "sees"),
    [
        ("crm.deal.won", ["crm.deals.read"], True),
        ("crm.deal.won", ["crm.*.manage"], True),
        ("crm.deal.won", ["crm.contacts.read"], False),
        ("crm.unknown.happened", ["*.*.read"], True),
        ("crm.unknown.happened", ["crm.deals.read"], False),
        ("shop.order.paid", ["*"], False),
        ("shop.opened", ["*"], True),
        ("tenant.settings.updated", ["*"], True),
        ("tenant.settings.updated", ["crm.*.manage"], False),
        ("notification.created", ["*"], False),
    ],
)
def test_the_permission_to_read_decides(
    name: str, grants: list[str], *, sees: bool
) -> None:
    """S2-90; ``shop`` is an app that this tenant does not have."""
    visibility = Visibility({"crm.deal": "crm.deals.read"}, {"crm", "shop"})
    actor = Actor(ActorKind.user, uuid7(), grants=grants)
    event = LiveEvent(1, name, uuid7(), b"")
    assert visibility.sees(TENANT, actor, event) is sees
    mine = LiveEvent(1, "notification.created", actor.id, b"")
    assert visibility.sees(TENANT, actor, mine)


def test_a_ticket_is_good_for_half_a_minute() -> None:
    moment = 1_000.0
    tickets = Tickets(Sealer(b"k" * 32), lambda: moment)
    ticket = tickets.issue(TENANT.id, "token")
    assert tickets.redeem(ticket) == "token"
    assert "token" not in ticket
    moment += LIFETIME - 1
    assert tickets.redeem(ticket) == "token"
    moment += 1
    with pytest.raises(Unauthenticated):
        tickets.redeem(ticket)


def test_what_waits_for_a_listener_is_bounded() -> None:
    """S2-90: in bytes as well as in number."""
    listener = Listener(uuid7())
    text = b"x" * (MOST_BYTES // 2)
    listener.offer([LiveEvent(1, "a.b", None, text)])
    assert len(listener._waiting) == 1
    listener.offer([LiveEvent(2, "a.b", None, text), LiveEvent(3, "a.b", None, b"x")])
    assert (listener.ending, len(listener._waiting)) == (Ending.slow, 0)
    listener.offer([LiveEvent(4, "a.b", None, b"x")])
    assert len(listener._waiting) == 0


class NoEvents:
    """A tenant's session in which nothing ever happened, or that cannot be read."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken

    async def fetch(self, *_: object) -> Any:
        """No rows; of a span, its two ends."""
        if self.broken:
            raise ConnectionError
        return [(1, 0)] if len(_) == 1 else []


def hub_over(session: Any, **most: int) -> Hub:
    """A hub for this session."""
    reader = Reader(lambda _, data: data)
    return Hub(lambda *_: session, lambda: True, reader, Capacity(**most))


async def test_a_hub_that_closes_lets_everybody_go_and_nobody_in() -> None:
    """Promise 16."""
    hub, place = hub_over(NoEvents()), Place(TENANT.id, HOME)
    listener = await hub.join(place, uuid7())
    hub.close()
    assert listener.ending is Ending.restart
    with pytest.raises(Restarting):
        await hub.join(place, uuid7())
    hub.leave(place, listener)
    hub.leave(place, listener)
    assert (len(hub), hub._rooms) == (0, {})


async def test_a_room_that_cannot_be_read_is_opened_anew() -> None:
    session = NoEvents(broken=True)
    hub, place = hub_over(session), Place(TENANT.id, HOME)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await hub.join(place, uuid7())
    assert (len(hub), hub._rooms) == (0, {})
    session.broken = False
    hub.leave(place, await hub.join(place, uuid7()))


async def test_notices_reach_whom_they_concern() -> None:
    hub, place = hub_over(NoEvents()), Place(TENANT.id, HOME)
    mine, other = await hub.join(place, uuid7()), await hub.join(place, uuid7())
    stranger = UUID(int=7)
    for topic in (f"tenant:{stranger}", f"actor:{stranger}", "events:x", "rows:x", ""):
        hub.heard(topic)
    assert not mine.doubtful
    hub.heard(f"actor:{mine.who}")
    assert (mine.doubtful, other.doubtful) == (True, False)
    hub.heard(f"tenant:{TENANT.id}")
    assert other.doubtful
    mine.doubtful = other.doubtful = False
    hub.heard(None)
    assert mine.doubtful
    assert other.doubtful
    for listener in (mine, other):
        hub.leave(place, listener)
