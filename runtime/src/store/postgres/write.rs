//! Commits as rows: one statement records a batch of them.

use std::{
    borrow::Cow,
    sync::{Arc, atomic::Ordering},
};

use tokio_postgres::{
    Error, Row,
    types::{FromSql, ToSql},
};
use uuid::Uuid;

use super::{
    claims,
    columns::Columns,
    connection::{Failure, Session},
    insert::{Inserted, Single, insert},
    row,
    tail::{End, from_version, stream_key},
    text,
    views::rounds,
};
use crate::{
    Version,
    store::{
        Append, AppendError, Appended, ClaimChange, Commit, Committed, Expected, IdempotencyKey, Position,
        StoreError, Tail, key::StoreKey,
    },
};

pub(super) const APPEND: &str = "SELECT base, now, refused, actuals, at_first, known, \
    unknowing_crowds, unknown_names, idle_uses, used_keys, refused_takes, holder_categories, holder_ids \
    FROM append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, \
    $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40)";

/// The ends of streams, in their order.
pub(super) const ENDS: &str = "SELECT last.version, last.at FROM unnest($1::uuid[]) WITH ORDINALITY AS u (stream, number) \
    LEFT JOIN LATERAL (SELECT version, at FROM events WHERE stream = u.stream ORDER BY version DESC LIMIT 1) AS last \
    ON true ORDER BY number";

/// Events from one on that stands this many positions before a known one.
pub(super) const GIVEN: &str = concat!(
    "SELECT ",
    row::facts!(),
    ", id FROM events WHERE position >= (SELECT position - $3 FROM events WHERE stream = $1 AND version = $2) \
     ORDER BY position LIMIT $4"
);

/// The events of a commit that expected nothing.
pub(super) const GIVEN_UNCONDITIONALLY: &str = concat!(
    "SELECT ",
    row::facts!(),
    ", id FROM events WHERE position >= (SELECT position FROM commits WHERE id = $1) ORDER BY position LIMIT $2"
);

/// Where the id is behind the facts.
const ID: usize = 6;

/// A commit, and after which event each of its appends goes.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) commit: Arc<Commit>,
    pub(super) after: Vec<Place>,
}

/// The last event of a stream. Where there is none, its version is 0, and its time before every other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// What stands for the stream in the tables.
    pub(super) stream: Uuid,
    pub(super) version: Version,
    pub(super) at: i64,
    /// The number of the session that read it there.
    pub(super) seen_by: Option<u64>,
}

impl Placed {
    /// The commit with its places, if they are known. They are, but for appends that expect nothing, or a version
    /// without saying what the stream looked like.
    pub(super) fn known(commit: &Arc<Commit>, store: StoreKey) -> Option<Self> {
        let after = commit.appends.iter().map(|append| Place::known(append, store)).collect::<Option<_>>()?;
        Some(Self { commit: Arc::clone(commit), after })
    }

    /// Looks up where the commit belongs.
    pub(super) async fn find(session: &Session, commit: Arc<Commit>) -> Result<Self, Failure> {
        let streams: Vec<Uuid> = commit.appends.iter().map(|append| stream_key(&append.stream)).collect();
        let mut after = Vec::with_capacity(streams.len());
        let ends = session.client.query(&session.ends, &[&streams]).await?;
        for ((append, stream), row) in commit.appends.iter().zip(streams).zip(ends) {
            let (version, at): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
            let found = Version::new(version.and_then(|version| u64::try_from(version).ok()).unwrap_or(0));
            let version = append.expected.version().unwrap_or(found);
            after.push(Place { stream, version, at: at.unwrap_or(i64::MIN), seen_by: None });
        }
        Ok(Self { commit, after })
    }

    /// Whether this is one whose id has to be kept.
    pub(super) fn is_unconditional(&self) -> bool {
        self.commit.appends.iter().all(|append| append.expected == Expected::Any)
    }

    pub(super) fn events(&self) -> usize {
        self.commit.appends.iter().map(|append| append.events.len()).sum()
    }

    /// The unique values and the key that it has to do with. Two commits with one in common are not judged together.
    pub(super) fn hashes(&self) -> impl Iterator<Item = Uuid> + Clone {
        let values = self.commit.claims.iter().map(|change| change.claim().value.as_uuid());
        values.chain(self.commit.key.as_ref().map(IdempotencyKey::hash))
    }

    /// Whether its events keep the times that they have elsewhere.
    pub(super) fn keeps_times(&self) -> bool {
        !self.commit.originals.is_empty()
    }

    /// Of all payloads and rows.
    pub(super) fn bytes(&self) -> usize {
        bytes(&self.commit)
    }

    /// The answer, if the events were recorded from behind this position on.
    pub(super) fn recorded(
        &self,
        mut position: i64,
        now: i64,
        store: StoreKey,
    ) -> Result<Committed, StoreError> {
        let mut appends = Vec::with_capacity(self.after.len());
        let mut index = 0;
        for (append, place) in self.commit.appends.iter().zip(&self.after) {
            let mut positions = Vec::with_capacity(append.events.len());
            for _ in &append.events {
                position += 1;
                positions.push(Position::new(u128::try_from(position).unwrap_or(0)));
            }
            let originals = self.commit.originals.iter().skip(index).take(append.events.len());
            let at =
                originals.map(|original| original.at.timestamp_micros()).max().unwrap_or(now).max(place.at);
            index += append.events.len();
            let version = Version::new(place.version.get().saturating_add(append.events.len() as u64));
            appends.push(Appended {
                first: place.version.next(),
                positions,
                at: time(at)?,
                tail: Some(Tail::new(End {
                    store,
                    stream: append.stream.clone(),
                    key: place.stream,
                    version,
                    at,
                    seen_by: None,
                })),
            });
        }
        Ok(Committed { appends })
    }
}

/// How many bytes of payload and of rows the commit has.
pub(super) fn bytes(commit: &Commit) -> usize {
    let events = commit.appends.iter().flat_map(|append| &append.events);
    let payloads = events.map(|event| event.payload.bytes().len());
    payloads.chain(commit.rows.iter().map(rounds::bytes)).sum()
}

impl Place {
    fn known(append: &Append, store: StoreKey) -> Option<Self> {
        if append.expected.version() == Some(Version::NONE) {
            let stream = stream_key(&append.stream);
            return Some(Self { stream, version: Version::NONE, at: i64::MIN, seen_by: None });
        }
        let end = End::given(append, store)?;
        Some(Self { stream: end.key, version: end.version, at: end.at, seen_by: end.seen_by })
    }
}

/// What became of a commit in a batch.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Recorded, behind this position, at this time.
    Recorded { behind: i64, now: i64 },
    /// Not recorded: these of its appends were refused.
    Refused(Vec<Refused>),
    /// Not recorded, because of a constraint, a unique value or a key.
    Denied(AppendError),
    /// Not recorded, because it has taken effect already; only for those that expected nothing.
    Known,
}

/// An append whose stream is not where it was expected to be.
#[derive(Debug)]
pub(super) struct Refused {
    /// Its number in the commit.
    pub(super) append: usize,
    /// The version of the stream.
    pub(super) actual: Version,
    /// The id of the event that stands where the first event of the append would.
    pub(super) found: Option<Uuid>,
}

/// Records what can be recorded of the batch, in which no stream is twice. An outcome for each commit.
pub(super) async fn append(session: &Session, batch: &[Placed]) -> Result<Vec<Outcome>, Error> {
    let (inserted, columns) = match Single::of(batch) {
        Some(single) => (single.insert(session).await?, None),
        None => {
            let columns = Columns::of(batch);
            // Where values were taken a moment ago, some are likely to be now: the judge alone is faster then.
            let inserted = match columns.claims_something() && session.denied.load(Ordering::Relaxed) {
                true => None,
                false => insert(session, batch, &columns).await?,
            };
            (inserted, Some(columns))
        }
    };
    match inserted {
        Some(inserted) => Ok(all_recorded(batch, inserted)),
        None => judge(session, batch, &columns.unwrap_or_else(|| Columns::of(batch))).await,
    }
}

pub(super) fn all_recorded(batch: &[Placed], Inserted { mut behind, now }: Inserted) -> Vec<Outcome> {
    let outcome = |placed: &Placed| {
        let recorded = Outcome::Recorded { behind, now };
        behind = behind.saturating_add_unsigned(placed.events() as u64);
        recorded
    };
    batch.iter().map(outcome).collect()
}

/// Records those commits of which every append goes where it was expected to go, and says what became of the others.
pub(super) async fn judge(
    session: &Session,
    batch: &[Placed],
    columns: &Columns<'_>,
) -> Result<Vec<Outcome>, Error> {
    let keep_times = batch.first().is_some_and(Placed::keeps_times);
    let Columns { crowds, changes, keys, .. } = columns;
    let takes = &changes.takes;
    let parameters: [&(dyn ToSql + Sync); 40] = [
        &columns.streams,
        &columns.firsts,
        &columns.commits,
        &columns.unconditional_ids,
        &columns.unconditional_commits,
        &columns.event_commits,
        &columns.event_streams,
        &columns.versions,
        &columns.times,
        &columns.category,
        &columns.categories,
        &columns.stream_ids,
        &columns.ids,
        &columns.names,
        &columns.schemas,
        &columns.payloads,
        &columns.formats,
        &columns.contents,
        &columns.metadata,
        &keep_times,
        &crowds.of_appends,
        &crowds.categories,
        &crowds.knowing,
        &crowds.known,
        &changes.categories,
        &changes.names,
        &takes.values,
        &takes.owners,
        &takes.given_up_by,
        &takes.uses,
        &takes.commits,
        &changes.released,
        &changes.releasers,
        &changes.release_uses,
        &changes.release_commits,
        &keys.hashes,
        &keys.fingerprints,
        &keys.places,
        &keys.events,
        &keys.commits,
    ];
    let row = session.client.query_one(&session.append, &parameters).await?;
    let (base, now): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let refused: Vec<i64> =
        row.try_get::<_, Option<Vec<i32>>>(2)?.unwrap_or_default().into_iter().map(i64::from).collect();
    let actuals: Vec<i64> = row.try_get::<_, Option<_>>(3)?.unwrap_or_default();
    let found: Vec<Option<Uuid>> = row.try_get::<_, Option<_>>(4)?.unwrap_or_default();
    let known: Vec<i32> = row.try_get::<_, Option<_>>(5)?.unwrap_or_default();

    let denials = Denials::of(&row)?;

    let mut refusals = refused.into_iter().zip(actuals).zip(found).peekable();
    let mut outcomes = Vec::with_capacity(batch.len());
    let (mut behind, mut appends) = (base, 0_i64);
    for (placed, number) in batch.iter().zip(0_i32..) {
        let next = appends.saturating_add_unsigned(placed.after.len() as u64);
        let mut mine = Vec::new();
        while let Some(((append, actual), found)) = refusals.next_if(|((append, _), _)| *append < next) {
            mine.push(Refused {
                append: usize::try_from(append - appends).unwrap_or(0),
                actual: Version::new(u64::try_from(actual).unwrap_or(0)),
                found,
            });
        }
        outcomes.push(if known.contains(&number) {
            Outcome::Known
        } else if !mine.is_empty() {
            Outcome::Refused(mine)
        } else if let Some(error) = denials.denied(columns, placed, number, appends) {
            Outcome::Denied(error)
        } else {
            Outcome::Recorded { behind, now }
        });
        appends = next;
        behind = behind.saturating_add_unsigned(placed.events() as u64);
    }
    if columns.claims_something() {
        let denied = !denials.takes.is_empty() || !denials.used_keys.is_empty();
        session.denied.store(denied, Ordering::Relaxed);
    }
    Ok(outcomes)
}

/// What speaks against commits of a batch besides the versions of their streams.
struct Denials<'a> {
    crowds: Vec<i32>,
    unknown: Vec<&'a str>,
    idle_uses: Vec<i32>,
    used_keys: Vec<i32>,
    takes: Vec<i32>,
    categories: Vec<Option<&'a str>>,
    ids: Vec<Option<&'a str>>,
}

impl<'a> Denials<'a> {
    fn of(row: &'a Row) -> Result<Self, Error> {
        fn list<'a, T>(row: &'a Row, column: usize) -> Result<Vec<T>, Error>
        where
            Option<Vec<T>>: FromSql<'a>,
        {
            Ok(row.try_get::<_, Option<_>>(column)?.unwrap_or_default())
        }
        Ok(Self {
            crowds: list(row, 6)?,
            unknown: list(row, 7)?,
            idle_uses: list(row, 8)?,
            used_keys: list(row, 9)?,
            takes: list(row, 10)?,
            categories: list(row, 11)?,
            ids: list(row, 12)?,
        })
    }

    /// The first thing that speaks against the commit with this number, before whose appends so many others stand.
    fn denied(
        &self,
        columns: &Columns<'_>,
        placed: &Placed,
        number: i32,
        appends: i64,
    ) -> Option<AppendError> {
        let commit = &placed.commit;
        let crowds = columns.crowds.of_appends.iter().skip(usize::try_from(appends).unwrap_or(usize::MAX));
        for (append, crowd) in commit.appends.iter().zip(crowds) {
            let mut unknown = self.crowds.iter().zip(&self.unknown);
            if let Some((_, name)) = unknown.find(|(unknowing, _)| *unknowing == crowd) {
                let name = text::decode(name).unwrap_or(Cow::Borrowed(name));
                return Some(StoreError::unknown_constraint(append.stream.category(), &name).into());
            }
        }
        let claims = commit.claims.iter().map(ClaimChange::claim);
        if let Some(claim) =
            claims.into_iter().find(|claim| columns.changes.is_one_of(&self.idle_uses, claim))
        {
            return Some(StoreError::not_in_force(&claim.constraint).into());
        }
        if let Some(key) = commit.key.as_ref().filter(|_| self.used_keys.contains(&number)) {
            return Some(AppendError::KeyUsed { key: key.clone() });
        }
        let takes = &columns.changes.takes;
        let holders = self.categories.iter().zip(&self.ids);
        for (take, (category, id)) in self.takes.iter().zip(holders) {
            let take = usize::try_from(*take).unwrap_or(usize::MAX);
            if takes.commits.get(take) == Some(&number) {
                let claim = (*takes.claims.get(take)?).clone();
                return Some(match claims::holder(*category, *id) {
                    Ok(by) => AppendError::Taken { claim, by },
                    Err(error) => error.into(),
                });
            }
        }
        None
    }
}

/// The answer to a commit that has taken effect already. For one that expected a version somewhere, the append that
/// tells, with its number.
pub(super) async fn given_before(
    session: &Session,
    commit: &Commit,
    telling: Option<usize>,
    store: StoreKey,
) -> Result<Committed, Failure> {
    let events: usize = commit.appends.iter().map(|append| append.events.len()).sum();
    let limit = i64::try_from(events).unwrap_or(i64::MAX);
    let rows = match telling.and_then(|number| Some((number, commit.appends.get(number)?))) {
        Some((number, append)) => {
            let index: usize = commit.appends.iter().take(number).map(|append| append.events.len()).sum();
            let first = from_version(append.expected.version().unwrap_or_default().next());
            let index = i64::try_from(index).unwrap_or(i64::MAX);
            let parameters: [&(dyn ToSql + Sync); 4] = [&stream_key(&append.stream), &first, &index, &limit];
            session.client.query(&session.given, &parameters).await?
        }
        None => session.client.query(&session.given_unconditionally, &[&commit.id.as_uuid(), &limit]).await?,
    };
    let mut rows = rows.iter();
    let mut index = 0;
    let mut appends = Vec::with_capacity(commit.appends.len());
    for append in &commit.appends {
        let mut appended: Option<Appended> = None;
        let key = stream_key(&append.stream);
        for _ in &append.events {
            let row = rows.next().ok_or_else(|| incomplete(commit))?;
            if row.try_get::<_, Uuid>(ID)? != commit.event_id(index).0 {
                return Err(incomplete(commit).into());
            }
            index += 1;
            let (position, version, at) = (row::position(row)?, row::version(row)?, row::at(row)?);
            let end = End { store, stream: append.stream.clone(), key, version, at, seen_by: None };
            let appended = match &mut appended {
                Some(appended) => appended,
                None => appended.insert(Appended {
                    first: version,
                    positions: Vec::new(),
                    at: time(at)?,
                    tail: None,
                }),
            };
            appended.positions.push(position);
            appended.at = time(at)?;
            appended.tail = Some(Tail::new(end));
        }
        appends.extend(appended);
    }
    Ok(Committed { appends })
}

fn incomplete(commit: &Commit) -> StoreError {
    StoreError::corrupt(format!("commit {} was recorded, but not all of its events are there", commit.id))
}

fn time(at: i64) -> Result<chrono::DateTime<chrono::Utc>, StoreError> {
    chrono::DateTime::from_timestamp_micros(at)
        .ok_or_else(|| StoreError::corrupt(format!("{at} microseconds since 1970 is no time")))
}
