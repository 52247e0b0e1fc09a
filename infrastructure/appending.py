"""The statement that appends a batch of saves: every save is checked, the rows of those that pass are written.

One statement, so that a batch is one round trip; arrays of columns, so that it is one plan whatever the batch holds.
"""

from collections.abc import Sequence
from typing import Any

from application.ports import Save
from domain.takes import Take, together
from infrastructure.arrays import BigInts, Blobs, Ints, Texts, Times, Uuids

# Numbered parameters: psycopg takes those as they are, and would look for its own in every batch.
APPEND = """
WITH e AS MATERIALIZED (
    SELECT * FROM unnest($1::int[], $2::uuid[], $3::bigint[], $4::text[], $5::bytea[], $6::text[], $7::text[],
                         $8::timestamptz[], $9::bytea[])
    WITH ORDINALITY AS t(save, stream, version, topic, state, program, kind, recorded_at, digest, ord)
), h AS MATERIALIZED (
    SELECT * FROM unnest($10::int[], $11::uuid[], $12::bigint[], $13::int[], $14::timestamptz[], $15::bytea[])
    AS t(save, stream, version, shape, due_at, hot)
), k AS MATERIALIZED (
    SELECT * FROM unnest($16::int[], $17::text[], $18::text[], $19::text[], $20::uuid[], $21::bigint[], $22::text[])
    AS t(save, program, kind, key, stream, version, hash)
), r AS MATERIALIZED (
    SELECT * FROM unnest($23::int[], $24::text[], $25::text[], $26::text[], $27::uuid[])
    AS t(save, program, kind, key, stream)
), q AS MATERIALIZED (
    -- What each save takes, and the sums of all that saves up to it take and give back: they count even where one of
    -- those saves is refused, which at worst makes a later one decide again.
    SELECT t.*, sum(greatest(amount, 0)) OVER upto AS taking, sum(least(amount, 0)) OVER upto AS giving
    FROM unnest($28::int[], $29::text[], $30::text[], $31::text[], $32::bigint[], $33::bigint[])
    AS t(save, program, kind, key, amount, ceiling)
    WINDOW upto AS (PARTITION BY program, kind, key ORDER BY save)
), p AS MATERIALIZED (
    SELECT * FROM unnest($34::int[], $35::text[], $36::int[]) AS t(save, program, number)
), m AS MATERIALIZED (
    SELECT * FROM unnest($37::int[], $38::uuid[], $39::text[], $40::bytea[]) AS t(save, stream, program, key)
), c AS MATERIALIZED (
    SELECT * FROM unnest($41::int[], $42::uuid[], $43::int[], $44::int[], $45::bigint[], $46::bytea[])
    AS t(save, stream, month, shape, version, body)
), l AS MATERIALIZED (
    SELECT * FROM unnest($47::int[], $48::uuid[], $49::bigint[]) AS t(save, stream, version)
), bad AS MATERIALIZED (
    SELECT f.save, 'head' AS reason, '' AS kind, '' AS key
    FROM (SELECT save, stream, min(version) AS first, max(version) AS last, count(*) AS rows FROM e GROUP BY 1, 2) f
    LEFT JOIN LATERAL (
        SELECT s.originator_version AS version FROM stored_events s
        WHERE s.originator_id = f.stream ORDER BY s.originator_version DESC LIMIT 1
    ) h ON true
    WHERE coalesce(h.version, 0) <> f.first - 1 OR f.last <> f.first + f.rows - 1
  UNION ALL
    SELECT k.save, 'claim', k.kind, k.key FROM k JOIN LATERAL (
        SELECT 1 FROM claims x WHERE x.program = k.program AND x.kind = k.kind AND x.key = k.key LIMIT 1
    ) x ON true
  UNION ALL
    SELECT q.save, 'take', q.kind, q.key FROM q
    LEFT JOIN takes x ON x.program = q.program AND x.kind = q.kind AND x.key = q.key
    WHERE (q.amount > 0 AND coalesce(x.used, 0) + q.taking > q.ceiling) OR coalesce(x.used, 0) + q.giving < 0
  UNION ALL
    SELECT l.save, 'source', '', l.stream::text FROM l LEFT JOIN state_rows x ON x.stream = l.stream
    WHERE x.version IS DISTINCT FROM l.version
  UNION ALL
    SELECT p.save, 'timeline', '', '' FROM p JOIN programs x ON x.id = p.program WHERE x.timeline <> p.number
), n AS MATERIALIZED (
    SELECT o.*, nextval('stored_events_notification_id_seq') AS position
    FROM (SELECT * FROM e WHERE save NOT IN (SELECT save FROM bad) ORDER BY ord) o
), stored AS (
    INSERT INTO stored_events (originator_id, originator_version, topic, state, notification_id,
                               program, kind, recorded_at, digest, seal)
    SELECT stream, version, topic, state, position, program, kind, recorded_at, digest,
           sha256(digest || int8send(position))
    FROM n
), released AS (
    DELETE FROM claims x USING r
    WHERE r.save NOT IN (SELECT save FROM bad) AND x.program = r.program AND x.kind = r.kind AND x.key = r.key
        AND x.stream = r.stream
), claimed AS (
    INSERT INTO claims (program, kind, key, stream, version, position, hash)
    SELECT k.program, k.kind, k.key, k.stream, k.version, n.position, k.hash
    FROM k JOIN n ON n.save = k.save AND n.stream = k.stream AND n.version = k.version
), g AS MATERIALIZED (
    -- What only comes back was taken under another ceiling, perhaps: the one that is there stays.
    SELECT program, kind, key, sum(amount) AS amount,
        (array_agg(ceiling ORDER BY save DESC) FILTER (WHERE amount > 0))[1] AS ceiling
    FROM q WHERE save NOT IN (SELECT save FROM bad) GROUP BY 1, 2, 3
), taken AS (
    UPDATE takes x SET used = x.used + g.amount, ceiling = coalesce(g.ceiling, x.ceiling) FROM g
    WHERE x.program = g.program AND x.kind = g.kind AND x.key = g.key
), first_taken AS (
    INSERT INTO takes (program, kind, key, used, ceiling)
    SELECT program, kind, key, amount, ceiling FROM g
    WHERE NOT EXISTS (SELECT FROM takes x WHERE x.program = g.program AND x.kind = g.kind AND x.key = g.key)
), keyed AS (
    INSERT INTO member_keys (stream, program, key)
    SELECT stream, program, key FROM m WHERE save NOT IN (SELECT save FROM bad)
), cooled AS (
    INSERT INTO cold_rows (stream, month, shape, version, body)
    SELECT stream, month, shape, version, body FROM c WHERE save NOT IN (SELECT save FROM bad)
    ON CONFLICT (stream, month) DO UPDATE SET shape = excluded.shape, version = excluded.version, body = excluded.body
), heads AS (
    INSERT INTO state_rows (stream, program, kind, version, position, recorded_at, digest, shape, due_at, hot)
    SELECT n.stream, n.program, n.kind, n.version, n.position, n.recorded_at, n.digest, h.shape, h.due_at, h.hot
    FROM h JOIN n ON n.save = h.save AND n.stream = h.stream AND n.version = h.version
    ON CONFLICT (stream) DO UPDATE SET version = excluded.version, position = excluded.position,
        recorded_at = excluded.recorded_at, digest = excluded.digest, shape = excluded.shape,
        due_at = excluded.due_at, hot = excluded.hot
)
SELECT save, position, NULL, NULL, NULL FROM n
UNION ALL SELECT save, NULL, reason, kind, key FROM bad
ORDER BY 1, 2
"""

# Of each part of the append statement, the types of its columns.
_ROWS = (Ints, Uuids, BigInts, Texts, Blobs, Texts, Texts, Times, Blobs)
_HEADS = (Ints, Uuids, BigInts, Ints, Times, Blobs)
_CLAIMS = (Ints, Texts, Texts, Texts, Uuids, BigInts, Texts)
_RELEASES = (Ints, Texts, Texts, Texts, Uuids)
_TAKES = (Ints, Texts, Texts, Texts, BigInts, BigInts)
_TIMELINES = (Ints, Texts, Ints)
_KEYS = (Ints, Uuids, Texts, Blobs)
_COLD = (Ints, Uuids, Ints, Ints, BigInts, Blobs)
_SOURCES = (Ints, Uuids, BigInts)


def columns_of(saves: Sequence[Save]) -> list[bytes]:
    """The saves as the columns of the append statement."""
    rows: list[tuple[Any, ...]] = []
    heads: list[tuple[Any, ...]] = []
    claims: list[tuple[Any, ...]] = []
    releases: list[tuple[Any, ...]] = []
    takes: list[tuple[Any, ...]] = []
    timelines: list[tuple[Any, ...]] = []
    keys: list[tuple[Any, ...]] = []
    cold: list[tuple[Any, ...]] = []
    sources: list[tuple[Any, ...]] = []
    for number, save in enumerate(saves):
        for row in save.rows:
            entry, state, stream, program, kind = row.entry, row.member_state, row.stream, row.program, row.kind
            version = entry.version
            rows.append((number, stream, version, row.topic, row.state, program, kind, entry.recorded_at, row.digest))
            if state is not None:
                heads.append((number, stream, version, state.shape, state.due_at, state.hot))
                cold += [(number, stream, month, state.shape, version, body) for month, body in state.cold.items()]
            claims += [(number, program, one.kind, one.key, stream, version, one.hash) for one in entry.claims]
            releases += [(number, program, one.kind, one.key, stream) for one in entry.releases]
        takes += [(number, program, take.kind, take.key, take.amount, take.ceiling) for program, take in _takes(save)]
        sources += [(number, stream, version) for stream, version in save.stands_on]
        if save.timeline is not None:
            timelines.append((number, save.program, save.timeline))
        if save.member_key is not None:
            keys.append((number, save.member_key[0], save.program, save.member_key[1]))
    return [
        *_columns(_ROWS, rows),
        *_columns(_HEADS, heads),
        *_columns(_CLAIMS, claims),
        *_columns(_RELEASES, releases),
        *_columns(_TAKES, takes),
        *_columns(_TIMELINES, timelines),
        *_columns(_KEYS, keys),
        *_columns(_COLD, cold),
        *_columns(_SOURCES, sources),
    ]


def _columns(types: tuple[Any, ...], rows: list[tuple[Any, ...]]) -> list[bytes]:
    columns = zip(*rows, strict=True) if rows else ((),) * len(types)
    return [kind(values) for kind, values in zip(types, columns, strict=True)]


def _takes(save: Save) -> list[tuple[str, Take]]:
    """What a save takes, once per quantity: two of its rows may take of the same."""
    by_program: dict[str, list[Take]] = {}
    for row in save.rows:
        by_program.setdefault(row.program, []).extend(row.entry.takes)
    return [(program, take) for program, takes in by_program.items() for take in together(takes)]
