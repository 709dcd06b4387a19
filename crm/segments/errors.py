"""What the segments' room refuses."""

from crm.errors import N_, NotFound, Refused, Unprocessable


class RunNotFound(NotFound):
    """No segmentation run has this id (404)."""

    code = "segmentation_run_not_found"
    detail = N_("There is no segmentation run with this id.")


class SegmentNotFound(NotFound):
    """No segment has this code (404)."""

    code = "segment_not_found"
    detail = N_("There is no segment with this code.")


class AsOfInTheFuture(Unprocessable):
    """A run looks back, never ahead (422): `now` is the latest instant."""

    code = "as_of_in_the_future"
    detail = N_("Choose an instant that is not later than {now}.")


class NoNumberOfClusters(Unprocessable):
    """The fewest clusters asked for are more than the most (422)."""

    code = "no_number_of_clusters"
    detail = N_("The smallest number of clusters must not exceed the largest.")


class RunIsOver(Refused):
    """Only a run that waits or works can be cancelled (409)."""

    code = "segmentation_run_is_over"
    detail = N_("This run has ended; there is nothing to cancel.")


class RunNotInForce(Refused):
    """Only a run that members got their segments from can be rolled back, and only once (409)."""

    code = "segmentation_run_not_in_force"
    detail = N_("Members do not have their segments from this run.")


class RunGoingOn(Refused):
    """While a run is going on, none is rolled back (409)."""

    code = "segmentation_run_going_on"
    detail = N_("A run is going on. Wait for its end or cancel it first.")
