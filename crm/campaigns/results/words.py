"""What is said where nothing can be said of an effect: what is lacking, and what would help."""

from crm.campaigns.results.standing import FEWEST_BUYERS, FEWEST_MEMBERS, Lack, Standing
from crm.errors import N_
from crm.i18n import gettext, ngettext

LACKS = {
    Lack.NOT_STARTED: N_("Nothing to tell yet: nobody’s time has come"),
    Lack.NO_HOLDOUT: N_("Nobody was held out, so there is nothing to compare with"),
    Lack.TOO_FEW_MEMBERS: N_("This campaign is too small to tell, and waiting does not help"),
    Lack.TOO_FEW_BUYERS: N_("The window is over: this campaign was too small to tell"),
}
ADVICE = {
    Lack.NOT_STARTED: N_("Figures come in with the first messages."),
    Lack.WINDOW_OPEN: N_(
        "Results are told once, when everybody had as many days to buy. Looking earlier finds "
        "effects that are not there."
    ),
    Lack.NO_HOLDOUT: N_("Hold some members out next time; ten in a hundred are usual."),
    Lack.TOO_FEW_MEMBERS: N_("Each side needs at least {members} members."),
    Lack.TOO_FEW_BUYERS: N_(
        "About {buyers} buyers are needed in the smaller of the two groups. Take a larger "
        "audience, hold more out, or give them more days."
    ),
}
BOTH, TWO = N_("{first}. {second}"), N_("{first} {second}")
TIMES = N_("That would have been about {times} times as many members as the smaller group has.")


def lack(stands: Standing) -> str:
    """What is lacking, in a sentence without its full stop. Something is."""
    assert stands.lack is not None
    if stands.lack == Lack.WINDOW_OPEN:
        days = stands.more_days or 0
        text = ngettext(
            "Not enough data yet: about {count} day more",
            "Not enough data yet: about {count} days more",
            days,
        )
        return text.format(count=days)
    return gettext(LACKS[stands.lack])


def advice(stands: Standing) -> str:
    """What would help."""
    assert stands.lack is not None
    text = gettext(ADVICE[stands.lack]).format(members=FEWEST_MEMBERS, buyers=FEWEST_BUYERS)
    if stands.times is not None:
        times = gettext(TIMES).format(times=f"{stands.times:,}")
        text = gettext(TWO).format(first=text, second=times)
    return text


def said(stands: Standing) -> str | None:
    """Both; None where something can be said of the effect."""
    if stands.lack is None:
        return None
    return gettext(BOTH).format(first=lack(stands), second=advice(stands))
