//! What can go wrong when an app starts.

use crate::{Position, store::StoreError};

/// Why an app could not start. Nothing of it is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Two views have one table, or one name.
    #[error(
        "two views have the table `{table}`: give one of them another one with `#[view(table = \"…\")]`, or another `NAME` or \
         other `TABLES` if it is a `SqlView`"
    )]
    SameTable {
        /// The table.
        table: &'static str,
    },
    /// Two handlers or process managers have one name.
    #[error(
        "two handlers have the name `{name}`: they would take each other's events; give one of them another name"
    )]
    SameHandler {
        /// The name.
        name: String,
    },
    /// The app has a view that it is to let go.
    #[error(
        "the app has a view with the table `{view}` that reads `{category}`, and is to let it go: leave out `App::view` or \
         `App::retire`"
    )]
    Retired {
        /// The view.
        view: &'static str,
        /// The category.
        category: &'static str,
    },
    /// An app is to keep unique values of an aggregate that has none of the kind.
    #[error(
        "no field of `{aggregate}` is `#[unique(enforce = view)]` or `#[unique(enforce = after)]`: leave out `App::unique`"
    )]
    NothingToKeep {
        /// The aggregate.
        aggregate: &'static str,
    },
    /// A field is `#[unique(enforce = after)]`, and nobody is told of duplicates.
    #[error(
        "`{field}` of `{aggregate}` is unique with `enforce = after`, and nobody is told of duplicates: say what becomes of \
         them with `App::on_duplicate`"
    )]
    NobodyTold {
        /// The aggregate.
        aggregate: &'static str,
        /// The field.
        field: &'static str,
    },
    /// The event store is no read store, and no other one is given.
    #[error(
        "the event store cannot keep views, nor the books of handlers: give the app a store that can with `App::read_store`, \
         such as SQLite or PostgreSQL"
    )]
    NoReadStore,
    /// A transactional view would be in another database than the events.
    #[error(
        "the view `{view}` cannot be `Transactional`: its rows and the events are in different stores. Leave out \
         `App::read_store`, or make it `Awaited`"
    )]
    Elsewhere {
        /// The view.
        view: &'static str,
    },
    /// The event store writes no rows with its commits.
    #[error(
        "the view `{view}` cannot be `Transactional`: the event store writes no rows together with events. Make it \
         `Awaited`, or use SQLite or PostgreSQL"
    )]
    NoRows {
        /// The view.
        view: &'static str,
    },
    /// A transactional view writes by SQL of its own.
    #[error(
        "the view `{view}` cannot be `Transactional`: it writes by SQL of its own, and a commit takes changes of rows as data \
         only. Make it `Awaited`, or write it with `#[view(by_hand)]` and `impl View`"
    )]
    NotData {
        /// The view.
        view: &'static str,
    },
    /// A transactional view needs what is known only when the events are recorded.
    #[error(
        "the view `{view}` cannot be `Transactional`: it computes with the time or the position of events, which are not \
         known before they are recorded. Put `recorded.at` and `recorded.position` into columns as they are, with rules \
         that read no row, or make it `Awaited`"
    )]
    Recorded {
        /// The view.
        view: &'static str,
    },
    /// A transactional view cannot take events that were recorded before.
    #[error(
        "the view `{view}` cannot be `Transactional`: there are events that it cannot take, {letters} so far. The first, \
         at position {position}: {error}. Mend its rules and start again"
    )]
    CannotTake {
        /// The view.
        view: &'static str,
        /// How many events.
        letters: u64,
        /// The position of the first of them.
        position: Position,
        /// What is wrong with it.
        error: String,
    },
    /// Another version of the program fills the same view at the moment, or has done so.
    #[error(
        "another version of the program is making the view `{view}` its own: run one version of it only, and start this one \
         again if that is the one"
    )]
    Replaced {
        /// The view.
        view: &'static str,
    },
    /// The stores cannot be read or written.
    #[error("cannot prepare the view `{view}`: {cause}")]
    Store {
        /// The view.
        view: &'static str,
        /// What the store says.
        cause: StoreError,
    },
}
