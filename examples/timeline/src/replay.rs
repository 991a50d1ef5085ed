//! The past, from the store alone.

use std::{collections::BTreeMap, ops::ControlFlow};

use chrono::{DateTime, Utc};
use factum::{
    Aggregate, Decoded, Fold, Position, Recorded, Version,
    store::{Filter, Name, RecordedEvent, Store},
};
use timeline::domain::{CommitHash, Entry, File, FileEvent, Mainline, MainlineEvent, TreePath};

use crate::error::Result;

/// How many events are read at a time.
const PAGE: usize = 1000;

/// A commit on the line.
pub(crate) struct Revision {
    /// From 1 on.
    pub(crate) number: Version,
    pub(crate) commit: CommitHash,
    pub(crate) at: DateTime<Utc>,
    pub(crate) subject: String,
}

/// Every path that was ever in the tree.
#[derive(Default)]
pub(crate) struct Tree(BTreeMap<TreePath, Fold<File>>);

impl Tree {
    /// What is in the tree, in git's order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&TreePath, &Entry)> {
        self.0.iter().filter_map(|(path, fold)| Some((path, fold.state()?.entry.as_ref()?)))
    }

    fn take(&mut self, event: RecordedEvent) -> Result<()> {
        let path = event.stream.parse_id::<File>()?;
        let event = Recorded::<FileEvent>::decode(event)?.map(|recorded| recorded.event);
        Ok(self.0.entry(path).or_insert_with_key(|path| Fold::new(path.clone())).apply_decoded(event)?)
    }
}

/// Plays everything again that was recorded, and stops at each commit to show it and the tree as of it; until `at_commit`
/// has seen enough.
pub(crate) async fn replay(
    store: &dyn Store,
    mut at_commit: impl FnMut(&Revision, &Tree) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let both =
        Filter::Categories(vec![Name::from_static(File::CATEGORY), Name::from_static(Mainline::CATEGORY)]);
    let mut tree = Tree::default();
    each(store, &both, |event| {
        if event.stream.category() == File::CATEGORY {
            tree.take(event)?;
            return Ok(ControlFlow::Continue(()));
        }
        for revision in decoded(event)? {
            if at_commit(&revision, &tree)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    })
    .await
}

/// All commits that were recorded, oldest first.
pub(crate) async fn revisions(store: &dyn Store) -> Result<Vec<Revision>> {
    let mut revisions = Vec::new();
    each(store, &Filter::category(Mainline::CATEGORY), |event| {
        revisions.extend(decoded(event)?);
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    Ok(revisions)
}

/// The line of commits as it is now; `None` before the first import.
pub(crate) async fn mainline(store: &dyn Store) -> Result<Option<Fold<Mainline>>> {
    let mut fold: Option<Fold<Mainline>> = None;
    each(store, &Filter::category(Mainline::CATEGORY), |event| {
        let root = event.stream.parse_id::<Mainline>()?;
        let event = Recorded::<MainlineEvent>::decode(event)?.map(|recorded| recorded.event);
        fold.get_or_insert_with(|| Fold::new(root)).apply_decoded(event)?;
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    Ok(fold)
}

fn decoded(event: RecordedEvent) -> Result<Decoded<Revision>> {
    Ok(Recorded::decode(event)?.map(|Recorded { version, event, .. }| {
        let (MainlineEvent::Begun { head, at, subject } | MainlineEvent::Advanced { head, at, subject, .. }) =
            event;
        Revision { number: version, commit: head, at, subject }
    }))
}

/// Hands the events to `take`, in the order in which they were recorded, until it has had enough.
async fn each(
    store: &dyn Store,
    filter: &Filter,
    mut take: impl FnMut(RecordedEvent) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut after = Position::START;
    loop {
        let page = store.read_all(filter, after, PAGE).await?;
        for event in page.events {
            if take(event)?.is_break() {
                return Ok(());
            }
        }
        if page.end {
            return Ok(());
        }
        after = page.last;
    }
}
