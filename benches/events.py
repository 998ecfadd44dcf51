"""Times taken from the events of a run, told on a clock that runs as fast as the wall's."""

import datetime

from measure import NotMeasured


def moment(event):
    """Seconds since 1970."""
    return datetime.datetime.fromisoformat(event["at"]).timestamp()


def span(first, last):
    return moment(last) - moment(first)


def first(events, what, matches):
    for event in events:
        if matches(event):
            return event
    raise NotMeasured(f"the run tells of no {what}")
