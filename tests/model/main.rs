//! Any sequence of operations does the same to every store as to a plain list of events.
//!
//! Sequences that once failed are kept in `regressions.txt` and tried first. `PROPTEST_CASES` sets how many others are
//! tried.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "it is how a test fails")]

mod operation;
mod reference;
mod run;

#[path = "../broken/bugs.rs"]
#[allow(dead_code, reason = "not every mistake shows in a sequence of operations")]
mod bugs;
#[path = "../broken/reads.rs"]
mod reads;
#[path = "../broken/rows.rs"]
mod rows;
#[path = "../broken/snapshots.rs"]
mod snapshots;
#[path = "../broken/store.rs"]
mod store;
#[path = "../broken/writes.rs"]
mod writes;

use std::sync::Arc;

use factum::testing::contract::Harness;
use factum_tests::stores::Memory;
#[cfg(feature = "sqlite")]
use factum_tests::stores::SqliteFile;
use proptest::{
    collection::vec,
    test_runner::{Config, FileFailurePersistence, TestRunner},
};

use crate::{
    bugs::Bug::{self, *},
    operation::operation,
    run::Run,
    store::Broken,
};

/// How many sequences are tried on a store without mistakes, unless the environment says otherwise.
fn config(cases: u32) -> Config {
    let regressions =
        FileFailurePersistence::Direct(concat!(env!("CARGO_MANIFEST_DIR"), "/model/regressions.txt"));
    let mut config = Config {
        failure_persistence: Some(Box::new(regressions)),
        source_file: Some(file!()),
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config
}

/// Tries sequences of operations on a new store each, through this many handles. The error tells where the store and
/// the reference differ.
fn compare<H: Harness>(config: Config, handles: usize, harness: impl Fn() -> H) -> Result<(), String> {
    let outcome = TestRunner::new(config).run(&vec(operation(), 1..50), |operations| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut run = Run::start(Arc::new(harness()), handles).await;
            for operation in operations {
                run.step(operation).await?;
            }
            Ok(())
        })
    });
    outcome.map_err(|failure| failure.to_string())
}

fn agrees<H: Harness>(handles: usize, cases: u32, harness: impl Fn() -> H) {
    if let Err(difference) = compare(config(cases), handles, harness) {
        panic!("{difference}");
    }
}

#[test]
fn memory() {
    agrees(2, 400, Memory::default);
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite() {
    // What survives the death of the machine is not on trial here, and costs the most.
    agrees(2, 120, || SqliteFile::new("?synchronous=off"));
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_in_memory() {
    agrees(1, 120, || || factum::open("sqlite::memory:"));
}

#[cfg(all(feature = "postgres", unix))]
#[test]
fn postgres() {
    if factum_tests::postgres::Postgres::shared().is_some() {
        agrees(2, 40, factum_tests::postgres::Schema::new);
    }
}

#[cfg(all(feature = "jetstream", unix))]
#[test]
fn jetstream() {
    if factum_tests::nats::Nats::shared().is_some() {
        agrees(2, 30, factum_tests::nats::Stream::new);
    }
}

/// The mistakes that show without concurrency, waiting, clocks and awkward values.
const FINDABLE: &[Bug] = &[
    IgnoresExpectations,
    AcceptsWhatIsBehind,
    AcceptsWhatIsAhead,
    TakesExact0ForAVersion,
    CountsFromTheNextVersion,
    NeedsAStreamForAny,
    ReportsWhatWasExpected,
    BlamesTheFirstStream,
    ExpectsTheSameOfAll,
    RecordsConflicts,
    WritesStreamByStream,
    AnswersWithoutWriting,
    SortsItsAnswers,
    AnswersWithEarlierPositions,
    AnswersAgainWithAnotherTime,
    ForgetsCommits,
    ForgetsCommitsOfOthers,
    RemembersConflicts,
    AcceptsEmptyCommits,
    MergesAppends,
    RefusesTails,
    NeedsTails,
    TrustsTails,
    TrustsItsOwnWrites,
    MixesStreams,
    MakesEventIdsAnew,
    CountsVersionsByTwo,
    CountsPositionsDown,
    KeepsFirstPages,
    LosesAnEventOfAPage,
    SwapsEventsOfAPage,
    IgnoresLimits,
    IgnoresWhereToBegin,
    HasANextAtTheEnd,
    HasNoNext,
    NeverEnds,
    AlwaysEnds,
    ReadsThePositionAgain,
    LooksTooFar,
    ShowsLate,
    LosesAFact,
    IgnoresFilters,
    FiltersByBeginning,
    TakesNoCategoryForAll,
    EndsWhereNothingMatches,
    LooksNoFurtherThanWhatMatches,
    HeadIsAhead,
    HeadLags,
    HeadGoesBack,
    ConflictsMoveTheHead,
    GoesBackInTime,
    LosesEverything,
];

/// Without it, nobody would know whether the sequences are long and varied enough.
#[test]
fn mistakes_are_found() {
    let missed: Vec<_> = FINDABLE
        .iter()
        .filter(|bug| {
            let config = Config { failure_persistence: None, max_shrink_iters: 0, ..config(200) };
            compare(config, 2, || Broken::new(**bug)).is_ok()
        })
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
}
