"""Phone numbers that are valid, look like anybody's, and never repeat.

No register of numbers given out is kept: a number's last digits are the member's own number sent
through a permutation, so two members cannot get the same, whoever is made first.
"""

from crm.demo.draws import Draws, words

_CHINA = words(
    "130 131 132 133 135 136 137 138 139 150 151 152 153 155 156 157 158 159 166 173 175 176 177 "
    "178 180 181 182 183 185 186 187 188 189 191 198 199 138 139 136 137 186 189"
)
# Of all that begin like this every ending is a number that can be given out.
_HONG_KONG = words("61 63 64 65 69 94 96 97")
_TAIWAN = words("910 912 919 921 928 932 933 937 952 955 958 963 972 975 987 988")
_ROUNDS = ((40503, 12289), (52711, 9973), (30011, 7919), (61001, 5381))


def scatter(number: int, side: int) -> int:
    """Where `number` goes in a fixed permutation of 0 … side² − 1 (a four-round Feistel network).

    Neighbours land far apart and no two numbers share a place.
    """
    assert 0 <= number < side * side
    left, right = divmod(number, side)
    for factor, offset in _ROUNDS:
        mixed = (right * factor + offset) * 2654435761 >> 11
        left, right = right, (left + mixed) % side
    return left * side + right


def mobile(number: int, country: str, area_codes: tuple[str, ...], draws: Draws) -> str:
    """The E.164 phone of member `number` (< 1,000,000) of `country`: CN, HK, TW or US.

    `area_codes` are those of a US member's home; the other countries' mobiles have none.
    """
    if country == "CN":
        return f"+86{draws.one_of(_CHINA)}{scatter(number, 10_000):08d}"
    own = f"{scatter(number, 1_000):06d}"
    if country == "HK":
        return f"+852{draws.one_of(_HONG_KONG)}{own}"
    if country == "TW":
        return f"+886{draws.one_of(_TAIWAN)}{own}"
    return f"+1{draws.one_of(area_codes)}{draws.whole(2, 9)}{own}"
