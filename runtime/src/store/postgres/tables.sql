-- The first step: run by the store inside of a schema of its own, which is first in the search path. What has run at
-- somebody's is not changed any more: a change is a step of its own, behind this one in `schema.rs`.
--
-- - Nothing is ever updated or deleted.
-- - `stream` is a UUID of version 5 made of category and id, so that a load finds its events without looking up a key,
--   and a long id costs an index nothing.
-- - `position` comes from a sequence, under a lock that ends when the commit can be seen. So the order of positions is the
--   order of commits, and no gap fills late; commits that are refused leave gaps.
-- - There is no index by category, which would cost each append: the events of one are found by looking through all.
-- - `payload` is JSON text. Of another format, or where PostgreSQL cannot hold the text, it is NULL and `bytes` has it.
-- - Names and ids can hold what PostgreSQL's text cannot: U+0000 is written `\0`, and a backslash `\\`.
-- - `commits` holds the ids of commits that expected no version. Others are recognised by their events.
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
CREATE FUNCTION append(
    streams uuid[], firsts bigint[], commits int[],
    unconditional_ids uuid[], unconditional_commits int[],
    event_commits int[], event_streams uuid[], event_versions bigint[], event_times bigint[], one_category text, categories text[],
    stream_ids text[], ids uuid[], names text[], schemas bigint[], payloads text[], formats text[], contents bytea[],
    all_metadata text[], keep_times boolean,
    OUT base bigint, OUT now bigint,
    OUT refused int[], OUT actuals bigint[], OUT at_first uuid[], OUT known int[]
) LANGUAGE plpgsql AS $$
DECLARE
    out_commits int[];
    earliest bigint;
BEGIN
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

    PERFORM pg_notify('factum', current_schema());
END
$$;
