-- The second half of the first step: what is there for views and for those who read events.

-- The books of those who read events. First the builds of views, which are tables themselves: that one which everybody reads
-- has the view's own name, others stand beside it as `view__generation`. The number of a build that is gone is not given
-- again: somebody may still be at work who would take the new one for his. A view that writes tables of its own shape has several in a
-- build, each called like the one of another view.
CREATE TABLE factum_builds (
    view           text COLLATE "C" NOT NULL,
    generation     bigint NOT NULL,
    fingerprint    uuid NOT NULL,   -- of the code that fills it
    stage          text COLLATE "C" NOT NULL CHECK (stage IN ('beside', 'live', 'transactional', 'gone')),
    tables         text[],          -- NULL: one, called like the view
    PRIMARY KEY (view, generation)
);

CREATE UNIQUE INDEX ON factum_builds (view) WHERE stage IN ('live', 'transactional');

-- How far readers have come. Positions may be those of another store, so they are larger than numbers of 64 bits.
CREATE TABLE factum_readers (
    reader         text COLLATE "C" PRIMARY KEY,
    position       numeric(39) NOT NULL
);

-- Events that a reader could not deal with.
CREATE TABLE factum_letters (
    reader         text COLLATE "C" NOT NULL,
    position       numeric(39) NOT NULL,
    stream         uuid NOT NULL,
    category       text COLLATE "C" NOT NULL,
    stream_id      text NOT NULL,
    version        bigint NOT NULL,
    event          uuid NOT NULL,
    name           text NOT NULL,
    error          text NOT NULL,
    attempts       bigint NOT NULL,
    at             timestamptz NOT NULL,
    wish           text COLLATE "C" NOT NULL CHECK (wish IN ('wait', 'retry', 'skip')),
    PRIMARY KEY (reader, position)
);

CREATE INDEX ON factum_letters (reader, stream, position);
CREATE INDEX ON factum_letters (reader, position) WHERE wish <> 'wait';

-- Who does what, and until when.
CREATE TABLE factum_leases (
    work           text COLLATE "C" PRIMARY KEY,
    holder         text NOT NULL,
    until          timestamptz NOT NULL
);

-- The states of the processes of managers, and what they wait for.
CREATE TABLE factum_processes (
    manager        text COLLATE "C" NOT NULL,
    key            text COLLATE "C" NOT NULL,
    state          text NOT NULL,   -- JSON
    PRIMARY KEY (manager, key)
);

CREATE TABLE factum_deadlines (
    manager        text COLLATE "C" NOT NULL,
    key            text COLLATE "C" NOT NULL,
    number         bigint NOT NULL,
    name           text NOT NULL,
    due            timestamptz NOT NULL,
    origin         text NOT NULL,
    PRIMARY KEY (manager, key, number)
);

CREATE INDEX ON factum_deadlines (manager, due, key);

-- The names of a build's tables as everybody will know them.
CREATE FUNCTION build_tables(of_view text, of_generation bigint) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(b.tables, ARRAY[b.view]) FROM factum_builds b WHERE b.view = of_view AND b.generation = of_generation
$$;

-- The name of a build's table; NULL if it is gone.
CREATE FUNCTION build_table(of_view text, of_generation bigint, of_stage text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE of_stage WHEN 'beside' THEN of_view || '__' || of_generation WHEN 'gone' THEN NULL ELSE of_view END
$$;

-- What is in this schema under this name, in words; NULL if nothing is.
CREATE FUNCTION what_is(named text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence'
           ELSE 'relation' END
    FROM pg_class c WHERE c.relname = named AND c.relnamespace = current_schema()::regnamespace
$$;

-- Strikes a build out of the books, with everything that its reader has left there.
CREATE FUNCTION forget_build(of_view text, of_generation bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    of_reader text := of_view || '#' || of_generation;
BEGIN
    UPDATE factum_builds SET stage = 'gone' WHERE view = of_view AND generation = of_generation;
    DELETE FROM factum_readers WHERE reader = of_reader;
    DELETE FROM factum_letters WHERE reader = of_reader;
    DELETE FROM factum_processes WHERE manager = of_reader;
    DELETE FROM factum_deadlines WHERE manager = of_reader;
END
$$;

-- A table of a build that is not where the build stands; NULL if all are.
CREATE FUNCTION missing_table(of_view text, of_generation bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT t.name FROM factum_builds b, unnest(coalesce(b.tables, ARRAY[b.view])) AS t (name)
    WHERE b.view = of_view AND b.generation = of_generation AND NOT EXISTS (
        SELECT FROM pg_class c WHERE c.relname = build_table(t.name, b.generation, b.stage)
            AND c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
    )
    LIMIT 1
$$;

-- Drops those of these tables that are there, at once: they may refer to each other.
CREATE FUNCTION drop_tables(names text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'DROP TABLE IF EXISTS ' || (SELECT string_agg(format('%I', t.name), ', ') FROM unnest(names) AS t (name));
END
$$;

-- Finds the latest build with this fingerprint, or makes one beside the live one.
CREATE FUNCTION prepare_build(
    of_view text, of_fingerprint uuid, anew boolean,
    names text[], types text[], nullable boolean[], indexed boolean[], key_names text[],
    OUT found_generation bigint, OUT found_stage text
) LANGUAGE plpgsql AS $$
DECLARE
    named text;
    keys text := (SELECT string_agg(format('%I', k.name), ', ' ORDER BY k.number)
                  FROM unnest(key_names) WITH ORDINALITY AS k (name, number));
    indexed_name text;
BEGIN
    -- One at a time: of two who need the same build, the second one finds it.
    PERFORM pg_advisory_xact_lock(1717794925, 'factum_builds'::regclass::oid::int);
    SELECT b.generation, b.stage INTO found_generation, found_stage
    FROM factum_builds b
    WHERE b.view = of_view AND b.fingerprint = of_fingerprint AND b.stage <> 'gone'
          AND NOT (anew AND b.stage <> 'beside')
    ORDER BY b.generation DESC LIMIT 1;
    IF FOUND THEN
        RETURN;
    END IF;

    SELECT coalesce(max(b.generation), 0) + 1 INTO found_generation FROM factum_builds b WHERE b.view = of_view;
    found_stage := 'beside';
    named := build_table(of_view, found_generation, found_stage);
    IF what_is(named) IS NOT NULL THEN
        RAISE EXCEPTION '%', what_is(named) USING ERRCODE = 'FA006', DETAIL = named;
    END IF;
    IF what_is(of_view) IS NOT NULL
       AND NOT EXISTS (SELECT FROM factum_builds b WHERE b.view = of_view AND b.stage IN ('live', 'transactional')) THEN
        RAISE EXCEPTION '%', what_is(of_view) USING ERRCODE = 'FA006', DETAIL = of_view;
    END IF;
    EXECUTE format('CREATE TABLE %I (%s, PRIMARY KEY (%s))', named, (
        SELECT string_agg(format('%I %s%s', c.name, c.type, CASE WHEN c.nullable THEN '' ELSE ' NOT NULL' END), ', '
                          ORDER BY c.number)
        FROM unnest(names, types, nullable) WITH ORDINALITY AS c (name, type, nullable, number)
    ), keys);
    -- The key is behind the column, so that rows come in the order of a query.
    FOR indexed_name IN
        SELECT c.name FROM unnest(names, indexed) AS c (name, indexed) WHERE c.indexed AND ARRAY[c.name] <> key_names
    LOOP
        EXECUTE format('CREATE INDEX ON %I (%I NULLS FIRST, %s)', named, indexed_name, (
            SELECT string_agg(format('%I', k.name), ', ' ORDER BY k.number)
            FROM unnest(key_names) WITH ORDINALITY AS k (name, number) WHERE k.name <> indexed_name
        ));
    END LOOP;
    INSERT INTO factum_builds (view, generation, fingerprint, stage)
    VALUES (of_view, found_generation, of_fingerprint, found_stage);
END
$$;

-- The same for tables of a view's own shape. In the statements that make them `{name}` stands for what each is called.
CREATE FUNCTION prepare_sql_build(
    of_view text, of_fingerprint uuid, anew boolean, names text[], statements text[], OUT found_generation bigint
) LANGUAGE plpgsql AS $$
DECLARE
    found_stage text;
    missing text;
    named text;
    kind "char";
    statement text;
    own text[];
    made text[];
BEGIN
    PERFORM pg_advisory_xact_lock(1717794925, 'factum_builds'::regclass::oid::int);
    LOOP
        SELECT b.generation, b.stage INTO found_generation, found_stage
        FROM factum_builds b
        WHERE b.view = of_view AND b.fingerprint = of_fingerprint AND b.stage <> 'gone'
              AND NOT (anew AND b.stage <> 'beside')
        ORDER BY b.generation DESC LIMIT 1;
        EXIT WHEN NOT FOUND;
        missing := missing_table(of_view, found_generation);
        IF missing IS NULL THEN
            RETURN;
        ELSIF found_stage <> 'beside' THEN
            RAISE EXCEPTION 'a table is gone' USING ERRCODE = 'FA009', DETAIL = missing;
        END IF;
        -- Somebody dropped what nobody reads: what is left of it is of no use.
        PERFORM discard_build(of_view, found_generation);
    END LOOP;

    SELECT coalesce(max(b.generation), 0) + 1 INTO found_generation FROM factum_builds b WHERE b.view = of_view;
    SELECT build_tables(of_view, b.generation) INTO own FROM factum_builds b
    WHERE b.view = of_view AND b.stage IN ('live', 'transactional');
    FOR place IN 1..cardinality(names) LOOP
        named := build_table(names[place], found_generation, 'beside');
        IF what_is(named) IS NOT NULL THEN
            RAISE EXCEPTION '%', what_is(named) USING ERRCODE = 'FA006', DETAIL = named;
        END IF;
        statement := statements[place];
        FOR other IN 1..cardinality(names) LOOP
            statement := replace(statement, '{' || names[other] || '}',
                                 format('%I', build_table(names[other], found_generation, 'beside')));
        END LOOP;
        BEGIN
            EXECUTE statement;
        EXCEPTION WHEN syntax_error_or_access_rule_violation OR data_exception OR feature_not_supported THEN
            RAISE EXCEPTION '%', SQLERRM USING ERRCODE = 'FA007', DETAIL = names[place];
        END;
        SELECT c.relkind INTO kind FROM pg_class c
        WHERE c.relname = named AND c.relnamespace = current_schema()::regnamespace;
        IF kind IN ('r', 'p') THEN
            IF what_is(names[place]) IS NOT NULL AND NOT names[place] = ANY (coalesce(own, '{}')) THEN
                RAISE EXCEPTION '%', what_is(names[place]) USING ERRCODE = 'FA006', DETAIL = names[place];
            END IF;
            made := made || names[place];
        ELSIF kind IS NULL OR kind NOT IN ('i', 'I') THEN
            RAISE EXCEPTION 'it makes something else' USING ERRCODE = 'FA008', DETAIL = names[place];
        END IF;
    END LOOP;
    IF made IS NULL THEN
        RAISE EXCEPTION 'it makes no table' USING ERRCODE = 'FA008', DETAIL = names[1];
    END IF;
    INSERT INTO factum_builds (view, generation, fingerprint, stage, tables)
    VALUES (of_view, found_generation, of_fingerprint, 'beside', made);
END
$$;

-- Puts a build in the place of the live one, under its name, and gives those who could read that one the right to read it.
-- Whether the build is there. Who waits for somebody who reads the table holds up all others that come to it: not for long.
CREATE FUNCTION promote_build(of_view text, of_generation bigint, with_commits boolean, OUT done boolean) LANGUAGE plpgsql
SET lock_timeout = '300ms' AS $$
DECLARE
    before text;
    named text;
    beside text;
    own text[] := build_tables(of_view, of_generation);
    others text[];
    replaced bigint;
    granted record;
    granting text[];
    of_table record;
BEGIN
    PERFORM FROM factum_builds b WHERE b.view = of_view ORDER BY b.generation FOR UPDATE;
    SELECT b.stage INTO before FROM factum_builds b WHERE b.view = of_view AND b.generation = of_generation;
    done := before IS NOT NULL AND before <> 'gone';
    IF NOT done THEN
        RETURN;
    END IF;
    IF before = 'beside' THEN
        SELECT b.generation INTO replaced FROM factum_builds b
        WHERE b.view = of_view AND b.stage IN ('live', 'transactional');
        IF replaced IS NOT NULL THEN
            others := build_tables(of_view, replaced);
            FOR granted IN
                SELECT a.privilege_type AS privilege, a.is_grantable, c.relname AS name,
                       CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(a.grantee)) END AS grantee
                FROM pg_class c, aclexplode(c.relacl) a
                WHERE c.relname = ANY (own) AND c.relname = ANY (others)
                      AND c.relnamespace = current_schema()::regnamespace AND a.grantee <> c.relowner
            LOOP
                granting := granting || format('GRANT %s ON %I TO %s%s', granted.privilege, granted.name, granted.grantee,
                                               CASE WHEN granted.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
            END LOOP;
            PERFORM drop_tables(others);
            PERFORM forget_build(of_view, replaced);
        END IF;
        FOREACH named IN ARRAY own LOOP
            IF what_is(named) IS NOT NULL THEN
                RAISE EXCEPTION '%', what_is(named) USING ERRCODE = 'FA006', DETAIL = named;
            END IF;
            beside := build_table(named, of_generation, before);
            EXECUTE format('ALTER TABLE %I RENAME TO %I', beside, named);
            FOR of_table IN
                SELECT c.relname AS name, named || substr(c.relname, length(beside) + 1) AS new_name
                FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                WHERE i.indrelid = to_regclass(format('%I', named)) AND starts_with(c.relname, beside)
            LOOP
                IF what_is(of_table.new_name) IS NULL THEN
                    EXECUTE format('ALTER INDEX %I RENAME TO %I', of_table.name, of_table.new_name);
                END IF;
            END LOOP;
        END LOOP;
        IF granting IS NOT NULL THEN
            EXECUTE array_to_string(granting, '; ');
        END IF;
    END IF;
    UPDATE factum_builds SET stage = CASE WHEN with_commits THEN 'transactional' ELSE 'live' END
    WHERE view = of_view AND generation = of_generation;
END
$$;

-- Removes a build with everything that belongs to it.
CREATE FUNCTION discard_build(of_view text, of_generation bigint) RETURNS void LANGUAGE plpgsql
SET lock_timeout = '300ms' AS $$
DECLARE
    before text;
BEGIN
    SELECT b.stage INTO before FROM factum_builds b
    WHERE b.view = of_view AND b.generation = of_generation FOR UPDATE;
    IF before <> 'gone' THEN
        PERFORM drop_tables(ARRAY(SELECT build_table(t.name, of_generation, before)
                                  FROM unnest(build_tables(of_view, of_generation)) AS t (name)));
        PERFORM forget_build(of_view, of_generation);
    END IF;
END
$$;

-- Lets a reader go on, if it is where it said, and if the build that it fills is at the stage that it said: a table of
-- another name is meant else. The build stays there until the end of the transaction.
CREATE FUNCTION advance_reader(
    of_reader text, from_position numeric, to_position numeric, of_view text, of_generation bigint, is_beside boolean
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found_stage text;
BEGIN
    IF of_view IS NOT NULL THEN
        SELECT b.stage INTO found_stage FROM factum_builds b
        WHERE b.view = of_view AND b.generation = of_generation FOR SHARE;
        -- One that is written with commits is theirs alone.
        IF found_stage IS NULL OR found_stage IN ('gone', 'transactional') THEN
            RAISE EXCEPTION 'the build is not there for readers' USING ERRCODE = 'FA004';
        ELSIF is_beside <> (found_stage = 'beside') THEN
            RAISE EXCEPTION 'the build is at another stage' USING ERRCODE = 'FA005';
        END IF;
    END IF;
    UPDATE factum_readers SET position = to_position WHERE reader = of_reader AND position = from_position;
    IF NOT FOUND THEN
        IF from_position = 0 THEN
            INSERT INTO factum_readers (reader, position) VALUES (of_reader, to_position) ON CONFLICT DO NOTHING;
        END IF;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the reader is somewhere else' USING ERRCODE = 'FA004';
        END IF;
    END IF;
END
$$;

-- What stands between the events of commits and their rows: without the events there are no rows. `places` are those of some
-- of the events behind the last position before them. The live builds of these views have to be written with commits, and
-- stay where they are until the end of the transaction.
CREATE FUNCTION begin_rows(event_count bigint, places bigint[], views text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    base bigint := currval('positions') - event_count;
    locked bigint;
BEGIN
    -- What stands there may have been recorded before, by the same session and for the same commit.
    IF EXISTS (
        SELECT FROM unnest(places) AS u (place)
        WHERE (SELECT e.xmin FROM events e WHERE e.position = base + u.place LIMIT 1)
              IS DISTINCT FROM pg_current_xact_id()::xid
    ) THEN
        RAISE EXCEPTION 'nothing was recorded' USING ERRCODE = 'FA001';
    END IF;
    -- Another build may have taken its place while this waited: that one is seen the second time.
    FOR attempt IN 1..2 LOOP
        PERFORM FROM factum_builds b WHERE b.view = ANY (views) AND b.stage = 'transactional' ORDER BY b.view FOR SHARE;
        GET DIAGNOSTICS locked = ROW_COUNT;
        IF locked = cardinality(views) THEN
            RETURN;
        END IF;
    END LOOP;
    RAISE EXCEPTION 'views are not written with commits' USING ERRCODE = 'FA002', DETAIL = (
        SELECT string_agg(u.view, ' ') FROM unnest(views) AS u (view)
        WHERE NOT EXISTS (SELECT FROM factum_builds b WHERE b.view = u.view AND b.stage = 'transactional')
    );
END
$$;

-- Rows were not there, or not as they had to be: all of their statement but these, by number.
CREATE FUNCTION refuse_rows(but bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows are not as they have to be'
    USING ERRCODE = 'FA003', DETAIL = array_to_string(coalesce(but, '{}'), ' ');
END
$$;
