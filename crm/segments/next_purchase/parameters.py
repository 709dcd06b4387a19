"""What both the worker that learns and the pages that tell go by."""

HORIZONS = (7, 30, 90)  # days ahead
ORDERED_BY = 30  # the horizon by whose scores customers are ordered
