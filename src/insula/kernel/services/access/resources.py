"""The resources of access: what is written in them is checked by this service first."""

from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.rules import Unique
from insula.kernel.services.access.models import Role, Team, TeamMember

WRITES = ("create", "update", "delete")

roles = Resource(Role, kernel=True, sort=(Role.name,), without=("list", *WRITES))
teams = Resource(Team, kernel=True, sort=(Team.name,), without=WRITES)
members = Resource(
    TeamMember,
    kernel=True,
    filters=(TeamMember.team_id, TeamMember.user_id),
    rules=(Unique(TeamMember.team_id, TeamMember.user_id, code="member_already"),),
    without=("list", "read", *WRITES),
)
