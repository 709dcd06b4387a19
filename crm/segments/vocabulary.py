"""The names of segments: stable codes, and words in the reader's language."""

from dataclasses import dataclass

from crm.i18n import N_, gettext


@dataclass(frozen=True)
class Segment:
    """A name that members can be given. `about`: how often its members bought."""

    code: str
    label: str
    sentence: str
    about: str  # "repeat", "once" or "never"

    @property
    def name(self) -> str:
        """The product's name for it, in the current language; shops may have others (`labels`)."""
        return gettext(self.label)

    @property
    def definition(self) -> str:
        """Who is in it, in one sentence, in the current language."""
        return gettext(self.sentence)


SEGMENTS = (
    Segment(
        "champions",
        N_("Champions"),
        N_("They bought recently, buy often and spend much: the best of all customers."),
        "repeat",
    ),
    Segment(
        "loyal",
        N_("Loyal"),
        N_("They buy often and spend well, and were here not long ago."),
        "repeat",
    ),
    Segment(
        "potential_loyalists",
        N_("Potential loyalists"),
        N_("They were here recently and have come back; a few more purchases make them loyal."),
        "repeat",
    ),
    Segment(
        "promising",
        N_("Promising"),
        N_("They were here recently, with few purchases and small sums so far."),
        "repeat",
    ),
    Segment(
        "need_attention",
        N_("Need attention"),
        N_("They are in the middle in all three: not lost, and not yet sure to come back."),
        "repeat",
    ),
    Segment(
        "about_to_sleep",
        N_("About to sleep"),
        N_("They bought little, and their last purchase is a while ago."),
        "repeat",
    ),
    Segment(
        "at_risk",
        N_("At risk"),
        N_("They used to buy often or spend well, and have stayed away for long."),
        "repeat",
    ),
    Segment(
        "cannot_lose",
        N_("Can't lose them"),
        N_("They were among the best customers, and have stayed away for very long."),
        "repeat",
    ),
    Segment(
        "hibernating",
        N_("Hibernating"),
        N_("They came back a few times, spent little, and have stayed away for long."),
        "repeat",
    ),
    Segment(
        "new_customers",
        N_("New customers"),
        N_("They bought once, so recently that a second purchase is still to be expected."),
        "once",
    ),
    Segment(
        "cooling",
        N_("Cooling"),
        N_("They bought once; by now most of those who ever come back have done so."),
        "once",
    ),
    Segment(
        "lost",
        N_("Lost"),
        N_("They bought once, so long ago that hardly anybody has come back after such a time."),
        "once",
    ),
    Segment("prospects", N_("Prospects"), N_("They have not bought anything yet."), "never"),
)

BY_CODE = {segment.code: segment for segment in SEGMENTS}
CODES = tuple(BY_CODE)
PLACE = {code: place for place, code in enumerate(CODES)}
ALWAYS_SHOWN = tuple(segment.code for segment in SEGMENTS if segment.about != "repeat")
