-- The first step: run by the store inside of a schema of its own, which is first in the search path. What has run at
-- somebody's is not changed any more: a change is a step of its own, behind this one in `schema.rs`.
--
-- - No event is ever updated or deleted.
-- - `stream` is a UUID of version 5 made of category and id, so that a load finds its events without looking up a key,
--   and a long id costs an index nothing.
-- - `position` comes from a sequence, under a lock that ends when the commit can be seen. So the order of positions is the
--   order of commits, and no gap fills late; commits that are refused leave gaps.
-- - There is no index by category, which would cost each append: the events of one are found by looking through all.
-- - `payload` is JSON text. Of another format, or where PostgreSQL cannot hold the text, it is NULL and `bytes` has it.
-- - Names and ids can hold what PostgreSQL's text cannot: U+0000 is written `\0`, and a backslash `\\`.
-- - `commits` holds the ids of commits that expected no version. Others are recognised by their events.
-- - Who appends locks `events` as an insert does, before he sees anything; who changes `constraints` locks it against
--   that. So nobody records events by constraints that are on record no more, or not yet.
CREATE TABLE factum (
    version int NOT NULL
);

CREATE TABLE events (
    position       bigint NOT NULL,
    version        bigint NOT NULL,
    at             bigint NOT NULL, -- microseconds since 1970
    schema         bigint NOT NULL,
    stream         uuid NOT NULL,
    id             uuid NOT NULL,
    name           text NOT NULL,
    payload        text,
    format         text,            -- NULL: JSON
    bytes          bytea,
    category       text COLLATE "C" NOT NULL,
    stream_id      text NOT NULL,
    metadata       text,            -- a JSON object
    PRIMARY KEY (position),
    UNIQUE (stream, version)
);

CREATE SEQUENCE positions OWNED BY events.position;

CREATE TABLE commits (
    id       uuid PRIMARY KEY,
    position bigint NOT NULL        -- of its first event
);

-- What is on record of constraints. Their key begins with the category, by which each append looks for them.
CREATE TABLE constraints (
    category       text COLLATE "C" NOT NULL,
    name           text COLLATE "C" NOT NULL,
    in_force       boolean NOT NULL, -- if not, it is being built
    PRIMARY KEY (category, name)
);

-- Who holds which unique value. The value is hashed together with the name of its constraint.
CREATE TABLE claims (
    value           uuid PRIMARY KEY,
    owner           uuid NOT NULL,   -- the key of its stream; the stream's events have its name
    constraint_name text COLLATE "C" NOT NULL
);

-- Under which idempotency keys something was recorded. Their hash has the category in it.
CREATE TABLE keys (
    hash           uuid PRIMARY KEY,
    fingerprint    uuid NOT NULL,   -- of the command
    position       bigint NOT NULL, -- of the first event; the others are at the next ones
    events         bigint NOT NULL  -- how many
);

-- The state of aggregates, one for each stream: a cache, which may be emptied at any time.
CREATE TABLE snapshots (
    stream         uuid PRIMARY KEY,
    version        bigint NOT NULL,
    last           uuid NOT NULL,   -- the event at that version
    fingerprint    uuid NOT NULL,   -- of the code
    origin         uuid NOT NULL,   -- the process that folded from the first event on
    format         text,            -- NULL: JSON
    state          bytea NOT NULL
);

-- One thing that metadata says. Where it cannot be taken apart, because a string has U+0000 in it or the row is damaged,
-- it is shown as it is: nobody should take it for silence.
CREATE FUNCTION said(metadata text, what text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN metadata::json ->> what;
EXCEPTION WHEN OTHERS THEN
    RETURN metadata;
END
$$;

-- For people.
CREATE VIEW log AS
SELECT position, category, stream_id AS id, version, name AS event, schema, to_timestamp(at / 1e6) AS at,
       said(metadata, 'actor') AS actor, said(metadata, 'correlation_id') AS correlation_id,
       said(metadata, 'causation_id') AS causation_id, said(metadata, 'notes') AS notes, payload
FROM events;

-- What the store calls when it cannot record a batch as a whole with one plain statement.
--
-- Records the commits of which no append is refused, each at the positions behind the last one at which its events
-- stand in the arrays. An append is refused if the last version of its stream is not the one before `first`; then the
-- answer has its number, the version that the stream has, and the event at `first`. The time of an event is now but not
-- before `event_times`, or just that if times are to be kept.
--
-- A commit is refused, too, if
-- - a constraint is on record that the crowd of one of its appends does not know: then the answer has the number of the
--   crowd and the constraint;
-- - it uses a constraint that is not in force, by taking or releasing a value: the number of the use;
-- - its key is used: its number;
-- - another stream holds a value that it takes, and does not give it up in the same commit: the number of the taking and
--   the stream. No value and no key is in two commits of a batch.
CREATE FUNCTION append(
    streams uuid[], firsts bigint[], commits int[],
    unconditional_ids uuid[], unconditional_commits int[],
    event_commits int[], event_streams uuid[], event_versions bigint[], event_times bigint[], one_category text, categories text[],
    stream_ids text[], ids uuid[], names text[], schemas bigint[], payloads text[], formats text[], contents bytea[],
    all_metadata text[], keep_times boolean,
    crowds int[] DEFAULT '{}', crowd_categories text[] DEFAULT '{}',
    knowing_crowds int[] DEFAULT '{}', known_names text[] DEFAULT '{}',
    use_categories text[] DEFAULT '{}', use_names text[] DEFAULT '{}',
    taken_values uuid[] DEFAULT '{}', takers uuid[] DEFAULT '{}', given_up_by uuid[] DEFAULT '{}',
    take_uses int[] DEFAULT '{}', take_commits int[] DEFAULT '{}',
    released_values uuid[] DEFAULT '{}', releasers uuid[] DEFAULT '{}',
    release_uses int[] DEFAULT '{}', release_commits int[] DEFAULT '{}',
    key_hashes uuid[] DEFAULT '{}', key_fingerprints uuid[] DEFAULT '{}', key_places bigint[] DEFAULT '{}',
    key_events bigint[] DEFAULT '{}', key_commits int[] DEFAULT '{}',
    OUT base bigint, OUT now bigint,
    OUT refused int[], OUT actuals bigint[], OUT at_first uuid[], OUT known int[],
    OUT unknowing_crowds int[], OUT unknown_names text[], OUT idle_uses int[], OUT used_keys int[],
    OUT refused_takes int[], OUT holder_categories text[], OUT holder_ids text[]
) LANGUAGE plpgsql AS $$
DECLARE
    out_commits int[];
    taking_commits int[];
    earliest bigint;
BEGIN
    -- Before it is somebody's turn, as the plain statements do: else two could wait for each other.
    LOCK TABLE events IN ROW EXCLUSIVE MODE;
    -- One who appends at a time, in whichever process. It is a statement of its own, so that what follows sees
    -- everything that the one before has committed.
    PERFORM pg_advisory_xact_lock(1717794925, 'events'::regclass::oid::int);
    now := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    earliest := CASE WHEN keep_times THEN NULL ELSE now END; -- `greatest` passes NULL over
    -- The sequence may have been left behind, by somebody who copied the tables without it.
    SELECT greatest(nextval('positions') - 1, max(e.position)) INTO base FROM events e;
    PERFORM setval('positions', base + cardinality(event_commits));

    -- A subquery with a limit is always looked up in the index, also where nobody has analysed the table.
    SELECT array_agg(a.number - 1), array_agg(a.commit), array_agg(a.last),
           array_agg((SELECT e.id FROM events e WHERE e.stream = a.stream AND e.version = a.first LIMIT 1))
    INTO refused, out_commits, actuals, at_first
    FROM (
        SELECT u.*, coalesce((
            SELECT e.version FROM events e WHERE e.stream = u.stream ORDER BY e.version DESC LIMIT 1
        ), 0) AS last
        FROM unnest(streams, firsts, commits) WITH ORDINALITY AS u (stream, first, commit, number)
    ) a
    WHERE a.last <> a.first - 1;
    out_commits := coalesce(out_commits, '{}');

    IF cardinality(unconditional_ids) > 0 THEN
        SELECT array_agg(u.commit) INTO known
        FROM unnest(unconditional_ids, unconditional_commits) AS u (id, commit)
        WHERE (SELECT c.position FROM commits c WHERE c.id = u.id LIMIT 1) IS NOT NULL;
        out_commits := out_commits || coalesce(known, '{}');
    END IF;

    SELECT array_agg(g.number), array_agg(c.name) INTO unknowing_crowds, unknown_names
    FROM unnest(crowd_categories) WITH ORDINALITY AS g (category, number), constraints c
    WHERE c.category = g.category AND c.name <> ALL (ARRAY(
        SELECT k.name FROM unnest(knowing_crowds, known_names) AS k (crowd, name) WHERE k.crowd = g.number
    ));
    IF unknowing_crowds IS NOT NULL THEN
        out_commits := out_commits || ARRAY(
            SELECT u.commit FROM unnest(commits, crowds) AS u (commit, crowd) WHERE u.crowd = ANY (unknowing_crowds)
        );
    END IF;

    IF cardinality(use_names) > 0 THEN
        SELECT array_agg(u.number) INTO idle_uses
        FROM unnest(use_categories, use_names) WITH ORDINALITY AS u (category, name, number)
        WHERE (
            SELECT c.in_force FROM constraints c WHERE c.category = u.category AND c.name = u.name LIMIT 1
        ) IS NOT TRUE;
        IF idle_uses IS NOT NULL THEN
            out_commits := out_commits || ARRAY(
                SELECT u.commit
                FROM unnest(take_uses || release_uses, take_commits || release_commits) AS u (use, commit)
                WHERE u.use = ANY (idle_uses)
            );
        END IF;

        SELECT array_agg(t.number - 1), array_agg(t.commit), array_agg(e.category), array_agg(e.stream_id)
        INTO refused_takes, taking_commits, holder_categories, holder_ids
        FROM unnest(taken_values, takers, given_up_by, take_commits)
             WITH ORDINALITY AS t (value, owner, given_up_by, commit, number)
        JOIN LATERAL (SELECT c.owner FROM claims c WHERE c.value = t.value LIMIT 1) h
             ON h.owner <> t.owner AND h.owner IS DISTINCT FROM t.given_up_by
        LEFT JOIN LATERAL (
            SELECT f.category, f.stream_id FROM events f WHERE f.stream = h.owner ORDER BY f.version LIMIT 1
        ) e ON true;
        out_commits := out_commits || coalesce(taking_commits, '{}');
    END IF;

    IF cardinality(key_hashes) > 0 THEN
        SELECT array_agg(u.commit) INTO used_keys
        FROM unnest(key_hashes, key_commits) AS u (hash, commit)
        WHERE (SELECT k.position FROM keys k WHERE k.hash = u.hash LIMIT 1) IS NOT NULL;
        out_commits := out_commits || coalesce(used_keys, '{}');
    END IF;

    INSERT INTO events (position, version, at, schema, stream, id, name, payload, format, bytes, category, stream_id,
                        metadata)
    SELECT base + u.number, u.version, greatest(earliest, u.at), coalesce(u.schema, 1), u.stream, u.id, u.name, u.payload, u.format, u.bytes,
           coalesce(u.category, one_category), u.stream_id, u.metadata
    FROM unnest(event_commits, event_streams, event_versions, event_times, categories, stream_ids, ids, names, schemas,
                payloads, formats, contents, all_metadata)
         WITH ORDINALITY AS u (commit, stream, version, at, category, stream_id, id, name, schema, payload, format,
                               bytes, metadata, number)
    WHERE u.commit <> ALL (out_commits);

    IF cardinality(unconditional_ids) > 0 THEN
        INSERT INTO commits (id, position)
        SELECT u.id, base + array_position(event_commits, u.commit)
        FROM unnest(unconditional_ids, unconditional_commits) AS u (id, commit)
        WHERE u.commit <> ALL (out_commits);
    END IF;

    -- What is released is free before anything is taken.
    IF cardinality(released_values) > 0 THEN
        DELETE FROM claims WHERE ctid = ANY (ARRAY(
            SELECT (SELECT c.ctid FROM claims c WHERE c.value = r.value AND c.owner = r.owner LIMIT 1)
            FROM unnest(released_values, releasers, release_commits) AS r (value, owner, commit)
            WHERE r.commit <> ALL (out_commits)
        ));
    END IF;

    -- What is still there is held by the one who takes it.
    IF cardinality(taken_values) > 0 THEN
        INSERT INTO claims (value, owner, constraint_name)
        SELECT t.value, t.owner, use_names[t.use]
        FROM unnest(taken_values, takers, take_uses, take_commits) AS t (value, owner, use, commit)
        WHERE t.commit <> ALL (out_commits)
          AND (SELECT c.owner FROM claims c WHERE c.value = t.value LIMIT 1) IS NULL;
    END IF;

    IF cardinality(key_hashes) > 0 THEN
        INSERT INTO keys (hash, fingerprint, position, events)
        SELECT u.hash, u.fingerprint, base + u.place, u.events
        FROM unnest(key_hashes, key_fingerprints, key_places, key_events, key_commits)
             AS u (hash, fingerprint, place, events, commit)
        WHERE u.commit <> ALL (out_commits);
    END IF;

    PERFORM pg_notify('factum', current_schema());
END
$$;

-- Changes what is on record of a constraint: `force` tells whether it is in force or being built; NULL takes it from the
-- record, and its claims with it, which are found by looking through all. One that is in force stays so. Whether it was
-- there to be put in force.
CREATE FUNCTION constrain(of_category text, named text, force boolean, OUT done boolean) LANGUAGE plpgsql
SET lock_timeout = '5s' AS $$
BEGIN
    -- Until everybody who is appending has done so, and nobody begins to. Should somebody else hold the table, all appends
    -- wait with this one, but not for long.
    LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE;
    done := true;
    IF force IS NULL THEN
        DELETE FROM constraints c WHERE c.category = of_category AND c.name = named;
        IF FOUND THEN
            DELETE FROM claims c WHERE c.constraint_name = named;
        END IF;
    ELSIF force THEN
        UPDATE constraints c SET in_force = true WHERE c.category = of_category AND c.name = named;
        done := FOUND;
    ELSE
        INSERT INTO constraints (category, name, in_force) VALUES (of_category, named, false) ON CONFLICT DO NOTHING;
    END IF;
END
$$;

-- Collects claims of constraints that are being built. The number of a use of one that is not, and then nothing else; or
-- the takings that came too late, and who holds the value.
CREATE FUNCTION claim(
    use_categories text[], use_names text[], taken_values uuid[], takers uuid[], take_uses int[],
    OUT idle_use int, OUT refused_takes int[], OUT holders uuid[], OUT holder_categories text[], OUT holder_ids text[]
) LANGUAGE plpgsql AS $$
BEGIN
    -- Its constraints stay as they are meanwhile, …
    LOCK TABLE events IN ROW EXCLUSIVE MODE;
    -- … and of two who collect the same claims in different orders, none waits for the other one halfway.
    PERFORM pg_advisory_xact_lock(1717794925, 'claims'::regclass::oid::int);
    SELECT min(u.number) INTO idle_use
    FROM unnest(use_categories, use_names) WITH ORDINALITY AS u (category, name, number)
    WHERE (
        SELECT c.in_force FROM constraints c WHERE c.category = u.category AND c.name = u.name LIMIT 1
    ) IS DISTINCT FROM false;
    IF idle_use IS NOT NULL THEN
        RETURN;
    END IF;
    INSERT INTO claims (value, owner, constraint_name)
    SELECT t.value, t.owner, use_names[t.use]
    FROM unnest(taken_values, takers, take_uses) WITH ORDINALITY AS t (value, owner, use, number)
    ORDER BY t.number
    ON CONFLICT DO NOTHING;
    SELECT array_agg(t.number - 1), array_agg(h.owner), array_agg(e.category), array_agg(e.stream_id)
    INTO refused_takes, holders, holder_categories, holder_ids
    FROM unnest(taken_values, takers) WITH ORDINALITY AS t (value, owner, number)
    JOIN LATERAL (SELECT c.owner FROM claims c WHERE c.value = t.value LIMIT 1) h ON h.owner <> t.owner
    LEFT JOIN LATERAL (
        SELECT f.category, f.stream_id FROM events f WHERE f.stream = h.owner ORDER BY f.version LIMIT 1
    ) e ON true;
END
$$;
