"""Ranking: at which place a search has found a row, as if it were one of its fields."""

from insula.kernel.database.columns import Field
from insula.kernel.resource.shape import Facet

RANK = "search_rank"
RANKING = Facet(RANK, "bigint", int, False, Field(), None, None)
