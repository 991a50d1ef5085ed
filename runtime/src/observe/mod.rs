#![doc = include_str!("../../docs/observe.md")]

mod facade;
mod record;
mod spans;

use std::fmt;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use record::group;
pub(crate) use record::{
    Outcome, RowCounts, Timer, appended, batch, command, commands, conflict, folded, page, reader, retries,
};
pub(crate) use spans::{
    append, attempt, batch_of, execute, handle, is_heard, load, outcome, reading, transaction,
};

/// Whether anything is measured: what is measured at a price is guarded by it.
pub(crate) const MEASURED: bool = cfg!(feature = "metrics");

/// A metric: its name, as exporters give it out, and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name, in the convention of Prometheus.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What its numbers count.
    pub unit: Unit,
    /// The names of its labels, in the order in which they are given. None has more values than the program has aggregates,
    /// views and handlers.
    pub labels: &'static [&'static str],
    /// What it says, for people.
    pub description: &'static str,
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It has a distribution.
    Histogram,
}

/// What the numbers of a metric count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Seconds, with fractions.
    Seconds,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        })
    }
}

macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal [$($label:literal),*] $unit:ident, $description:literal;)+) => {
        $(
            #[doc = concat!("`", $name, "`: ", $description, ".")]
            pub const $constant: Metric = Metric {
                name: $name,
                kind: Kind::$kind,
                unit: Unit::$unit,
                labels: &[$($label),*],
                description: $description,
            };
        )+

        /// All metrics that there are.
        pub const METRICS: &[Metric] = &[$($constant),+];
    };
}

metrics! {
    COMMANDS: Counter "factum_commands_total" ["aggregate", "outcome"] Count,
        "commands that were carried out, by what came of them";
    CONFLICTS: Counter "factum_conflicts_total" ["aggregate"] Count,
        "appends that the store refused because the stream had gone on";
    RETRIES: Counter "factum_retries_total" ["aggregate"] Count,
        "commands that were decided again after such a conflict";
    APPEND_SECONDS: Histogram "factum_append_seconds" [] Seconds,
        "how long the store took for a commit, waiting for its turn included";
    BATCH_COMMANDS: Histogram "factum_batch_commands" ["aggregate"] Count,
        "commands to one aggregate that were recorded in one append";
    BATCH_EVENTS: Histogram "factum_batch_events" ["aggregate"] Count,
        "events of such an append";
    COMMIT_GROUP_SIZE: Histogram "factum_commit_group_size" ["store"] Count,
        "commits that shared a transaction, and so a sync";
    FOLD_EVENTS: Histogram "factum_fold_events" ["aggregate"] Count,
        "events that were read and folded to know an aggregate";
    READER_EVENTS: Counter "factum_reader_events_total" ["reader"] Count,
        "events that a view or a handler was given";
    READER_POSITION: Gauge "factum_reader_position" ["reader"] Count,
        "the position up to which a reader has dealt with everything";
    READER_HEAD: Gauge "factum_reader_head" ["reader"] Count,
        "the last position of the event store, as the reader saw it last";
    READER_LAG: Gauge "factum_reader_lag_seconds" ["reader"] Seconds,
        "the age of the last event that was dealt with, while there is more to do; else 0";
    READER_ACTIVE: Gauge "factum_reader_active" ["reader"] Count,
        "1 in the process that does the work of the reader, else 0";
    DEAD_LETTERS: Gauge "factum_dead_letters" ["reader"] Count,
        "events that a reader could not deal with, and those that wait behind them";
    VIEW_ROWS: Counter "factum_view_rows_total" ["view"] Count,
        "rows of a view that were written or removed";
}

/// Tells the installed recorder the unit and the description of each metric. To be called once, after the recorder was
/// installed; without it exporters give the numbers without a word about them.
#[cfg(feature = "metrics")]
pub fn describe() {
    for metric in METRICS {
        facade::describe(metric);
    }
}
