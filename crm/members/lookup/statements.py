"""The statements of the lookup: one per shape, each with everything that a hit shows.

What fits many is cut to the candidates that an index gives in order, then ranked to the second.
"""

from sqlalchemy import TextClause, text

# candidates: taken from the ranked rows; scanned: from an index that has no order
LIMITS = {"candidates": 12, "scanned": 400, "hits": 9}
MOST_HITS = LIMITS["hits"] - 1  # one more is asked for, to know whether there are more
NO_STORE = "-"  # no store's code begins so

_COLUMNS = "m.id, m.member_no, m.name, m.name_sort, m.home_store, m.last_seen_at, m.segment"

_SHOW = """
    SELECT t.*, s.name AS store_name, i.phone, i.email, w.held
    FROM (
        SELECT * FROM ({candidates}) c
        ORDER BY c.home_store IS NOT DISTINCT FROM :store DESC,
                 c.last_seen_at DESC NULLS LAST, c.id DESC
        LIMIT :hits
    ) t
    LEFT JOIN tier_standing w ON w.member_id = t.id
    LEFT JOIN store s ON s.code = t.home_store
    LEFT JOIN LATERAL (
        SELECT (array_agg(value ORDER BY came_with NULLS FIRST, value)
                FILTER (WHERE kind = 'phone'))[1] AS phone,
               (array_agg(value ORDER BY came_with NULLS FIRST, value)
                FILTER (WHERE kind = 'email'))[1] AS email
        FROM member_identity WHERE member_id = t.id
    ) i ON true
    ORDER BY t.home_store IS NOT DISTINCT FROM :store DESC,
             t.last_seen_at DESC NULLS LAST, t.id DESC
"""

_IDENTITY = """
    SELECT {columns} FROM member_identity i JOIN member m ON m.id = i.member_id
    WHERE i.kind = '{kind}' AND i.value = :value AND m.status = 'active'
"""

# This store's first, newest first; then the newest of each other store, merged.
_RANKED = """
    SELECT {columns} FROM (
        (SELECT f.member_id FROM member_find f WHERE f.key = :key AND f.store = :store
         ORDER BY f.seen_on DESC, f.member_id DESC LIMIT :candidates)
        UNION ALL
        (SELECT r.member_id
         FROM (SELECT code FROM store WHERE code <> :store UNION ALL SELECT '') s,
              LATERAL (SELECT f.member_id, f.seen_on FROM member_find f
                       WHERE f.key = :key AND f.store = s.code
                       ORDER BY f.seen_on DESC, f.member_id DESC LIMIT :candidates) r
         ORDER BY r.seen_on DESC, r.member_id DESC LIMIT :candidates)
        LIMIT :candidates
    ) f JOIN member m ON m.id = f.member_id AND m.status = 'active'
"""

_ENDING = """
    SELECT {columns} FROM member_find f JOIN member m ON m.id = f.member_id
    WHERE f.key = :key AND m.status = 'active' AND EXISTS (
        SELECT FROM member_identity i WHERE i.member_id = f.member_id AND i.kind = 'phone'
          AND i.value LIKE '%' || :value)
    LIMIT :scanned
"""

_EMAIL_PREFIX = """
    SELECT {columns} FROM member_identity i JOIN member m ON m.id = i.member_id
    WHERE i.kind = 'email' AND i.value >= :value AND i.value < :value || chr(1114111)
      AND m.status = 'active'
    LIMIT :scanned
"""

_NAME = """
    SELECT {columns} FROM member m
    WHERE m.name_keys @> CAST(:keys AS text[]) AND m.status = 'active'
    LIMIT :scanned
"""

_THESE = "SELECT {columns} FROM member m WHERE m.id = ANY(:ids) AND m.status = 'active'"


def _shown(candidates: str, **parts: str) -> TextClause:
    return text(_SHOW.format(candidates=candidates.format(columns=_COLUMNS, **parts)))


BY_IDENTITY = {kind: _shown(_IDENTITY, kind=kind) for kind in ("member_no", "phone", "email")}
RANKED = _shown(_RANKED)
ENDING = _shown(_ENDING)
EMAIL_PREFIX = _shown(_EMAIL_PREFIX)
NAME = _shown(_NAME)
THESE = _shown(_THESE)
