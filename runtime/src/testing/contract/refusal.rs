//! What is refused: what makes no sense, and what the store does not do. Never ignored, and nothing is recorded.

use std::{fmt::Debug, sync::Arc};

use chrono::DateTime;

use super::{
    claims, keys, snapshots,
    support::{Subject, append, commit, read_all, refused, stream},
};
use crate::read::{ColumnType, RowChange, RowOp, Table, TableColumn, Value};
use crate::store::{
    AppendError, Capability, Commit, CommitId, Expected, Original, Position, StoreError, StoreErrorKind,
};

async fn makes_no_sense(store: &Subject, commit: Commit) {
    assert_eq!(refused(store, commit).await.kind(), StoreErrorKind::Invalid);
    assert!(read_all(store).await.is_empty());
    assert_eq!(store.head().await.unwrap(), Position::START);
}

pub(super) async fn a_commit_without_appends(store: Subject) {
    makes_no_sense(&store, Commit::new(Vec::new())).await;
}

pub(super) async fn an_append_without_events(store: Subject) {
    makes_no_sense(&store, commit(&stream("a"), Expected::Any, 0)).await;
    let appends = vec![append(&stream("a"), Expected::Any, 1), append(&stream("b"), Expected::Any, 0)];
    makes_no_sense(&store, Commit::new(appends)).await;
}

pub(super) async fn two_appends_to_one_stream(store: Subject) {
    let appends = ["a", "b", "a"].map(|id| append(&stream(id), Expected::Any, 1));
    makes_no_sense(&store, Commit::new(appends.to_vec())).await;
}

pub(super) async fn more_events_than_a_commit_has_ids_for(store: Subject) {
    makes_no_sense(&store, commit(&stream("a"), Expected::Any, Commit::MOST_EVENTS + 1)).await;
}

fn original() -> Original {
    Original { id: CommitId::new().event(7), at: DateTime::UNIX_EPOCH }
}

pub(super) async fn originals_for_some_events(store: Subject) {
    for count in [1, 2, 4] {
        let some = commit(&stream("a"), Expected::Any, 3).with_originals(vec![original(); count]);
        makes_no_sense(&store, some).await;
    }
}

/// Whether the store said that it does not do this. Of what else it said this suite knows nothing.
fn is_unsupported<T: Debug>(outcome: Result<T, StoreError>, capability: Capability) -> bool {
    outcome.is_err_and(|error| error.kind() == StoreErrorKind::Unsupported(capability))
}

/// A commit that asks for this is refused by type and as a whole, unless the store says that it can do it.
async fn unless_supported(store: &Subject, commit: Commit, capability: Capability) {
    let supported = store.capabilities().supports(capability);
    let outcome = match store.append(commit).await {
        Err(AppendError::Failed(error)) => Err(error),
        Err(error) => panic!("expected a definite answer, got {error}"),
        Ok(committed) => Ok(committed),
    };
    assert_eq!(is_unsupported(outcome, capability), !supported);
    if !supported {
        assert!(read_all(store).await.is_empty());
    }
}

pub(super) async fn claims_unless_supported(store: Subject) {
    let mut commit = commit(&stream("a"), Expected::NoStream, 1);
    commit.claims = vec![claims::take("x", &stream("a"))];
    unless_supported(&store, commit, Capability::Claims).await;
    let constraint = claims::constraint(&claims::NAME);
    as_declared(&store, store.constraints(&constraint.category).await, Capability::Claims);
    as_declared(&store, store.constrain(&constraint, None).await, Capability::Claims);
    as_declared(&store, store.claim(&[]).await, Capability::Claims);
}

pub(super) async fn keys_unless_supported(store: Subject) {
    let mut commit = commit(&stream("a"), Expected::NoStream, 1);
    commit.key = Some(keys::key("once"));
    unless_supported(&store, commit, Capability::IdempotencyKeys).await;
    as_declared(&store, store.remembered(&keys::key("once")).await, Capability::IdempotencyKeys);
}

pub(super) async fn rows_unless_supported(store: Subject) {
    let mut commit = commit(&stream("a"), Expected::NoStream, 1);
    let column = |name: &str, ty| TableColumn { name: name.into(), ty, nullable: false, indexed: false };
    let columns = vec![column("number", ColumnType::Integer), column("open", ColumnType::Bool)];
    let table = Arc::new(Table { name: "tickets".into(), columns, key: vec![0] });
    let key = vec![Value::Integer(1)];
    commit.rows = vec![RowOp { table, key, change: RowChange::Remove }];
    unless_supported(&store, commit, Capability::Rows).await;
}

pub(super) async fn originals_unless_supported(store: Subject) {
    let commit = commit(&stream("a"), Expected::NoStream, 1).with_originals(vec![original()]);
    unless_supported(&store, commit, Capability::Originals).await;
}

/// Both ways round: a store that says it does not do this says so when asked to, and one that says it does, does not.
fn as_declared<T: Debug>(store: &Subject, outcome: Result<T, StoreError>, capability: Capability) {
    assert_eq!(is_unsupported(outcome, capability), !store.capabilities().supports(capability));
}

pub(super) async fn snapshots_unless_supported(store: Subject) {
    let stream = stream("a");
    as_declared(&store, store.snapshot(&stream).await, Capability::Snapshots);
    let snapshot = snapshots::snapshot(&stream, 1);
    as_declared(&store, store.save_snapshot(snapshot).await, Capability::Snapshots);
}
