"""What can go wrong when two rows become one."""

from insula.kernel.foundation.errors import Conflict, NotFound


class MergedAway(NotFound):
    """This was merged into another one."""

    code = "MERGED"
    told = ("merged_into", "path")


class MergeWithItself(Conflict):
    """Two different rows are merged, not one with itself."""

    code = "MERGE_WITH_ITSELF"


class MergeInCircle(Conflict):
    """The one that stays lies below the other one: merge them the other way round."""

    code = "MERGE_IN_CIRCLE"


class MergeNotUndone(Conflict):
    """This cannot be undone any more: {reason}."""

    code = "MERGE_NOT_UNDONE"


class MergeUndoneAlready(Conflict):
    """This was undone already."""

    code = "MERGE_UNDONE_ALREADY"
