//! Laws that hold for every model, as property tests of yours: [`laws!`](crate::laws!).
//!
//! Histories are made of commands with made-up values ([`sample`](super::sample)). What an aggregate decides depends on
//! what has happened, so each command is looked for on the state that the commands before it led to: of several
//! candidates mostly one that is accepted is given, sometimes one that is refused. Ids, names and the like come from a
//! small pool, so that they meet again, and time passes in between.
//!
//! A history that breaks a law is made smaller as long as it does, and printed as given / when / then code.
//!
//! A law is a method of [`Laws`] and a test in the macro.

mod code;
mod history;
mod quiet;
mod reach;
mod walk;

use std::fmt::Debug;

use proptest::{
    strategy::{Strategy, ValueTree as _},
    test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner},
};
use serde::de::DeserializeOwned;

use self::{
    history::{Histories, History},
    reach::Reach,
    walk::{After, Broken, walk},
};
use super::{
    given::{diff, pretty},
    sample::{Memory, SampleError, Sampler},
};
use crate::{Aggregate, Event, Fold, SampleId, codec::compare};

/// Tests that the laws which every model has to keep hold for an aggregate. Needs the feature `testing`.
///
/// ```
/// # use factum::{Aggregate, Id};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Id, Clone, Debug, PartialEq, Serialize, Deserialize)]
/// # pub struct CartNumber(u64);
/// # #[derive(Aggregate, Clone, Debug, PartialEq)]
/// # #[events { #[creates] Opened { customer } }]
/// # #[commands { Open => Opened }]
/// # pub struct Cart {
/// #     #[id]
/// #     pub number: CartNumber,
/// #     pub customer: String,
/// # }
/// #[cfg(test)]
/// factum::laws!(Cart);
/// # fn main() {}
/// ```
///
/// This is a module `laws` of tests, one for each law:
///
/// - `every_event_is_reached`: commands record every event that is not `#[retired]`, and at least 30 % of the commands of the
///   histories are accepted. Otherwise the other laws would say little. For each step, up to 32 made-up commands are tried
///   for one that is accepted, so a guard may well refuse most of what is made up.
/// - `nothing_panics`: no command panics when it is decided, and none of the events that they record when it is folded.
/// - `events_survive_json`: an event that is stored and read again is the same event.
/// - `replay_equals_live`: the state that was built as the events happened is the one that is read back from the store.
/// - `snapshot_and_tail_equal_all`: where there are snapshots, a state that was kept and read again, gone on with the events
///   since, is the fold of all events.
///
/// Each runs 256 histories, the same ones each time; the variables `PROPTEST_CASES` and `PROPTEST_RNG_SEED` ask for
/// more and for others. A history that breaks a law is printed as code to start a test with:
///
/// ```text
/// `Cart` breaks a law: folding `ItemAdded` panicked at src/cart.rs:31:10: attempt to add with overflow
///
/// Cart::given([
///     CartEvent::Opened { customer: "customer".into() },
///     CartEvent::ItemAdded { item: "item".into(), price: 4294967295 },
/// ])
/// .when(CartCommand::AddItem { item: "item".into(), price: 1 })
/// .then([CartEvent::ItemAdded { item: "item".into(), price: 1 }]);
/// ```
///
/// The state and the events have to be `Debug` and `PartialEq`, the events `Clone`, the commands `Debug` and
/// `Deserialize`, which they are unless you said otherwise. The macro stands where the aggregate is in scope, not in a
/// function.
///
/// Options, in this order:
///
/// - `laws!(Cart as cart_laws)`: another name for the module, where there are several.
/// - `id = expression`: the id of the aggregates, for a type of id that has no sample.
/// - `commands = strategy`: a proptest strategy for commands ([`testing::proptest`](crate::testing::proptest)), where
///   made-up ones are refused. [`made_up`](crate::testing::laws::made_up) makes up those that you leave alone.
#[macro_export]
macro_rules! laws {
    (@laws $aggregate:ty; ; $commands:expr) => {
        $crate::testing::laws::Laws::<$aggregate>::new($commands)
    };
    (@laws $aggregate:ty; $id:expr; $commands:expr) => {
        $crate::testing::laws::Laws::<$aggregate>::with_id($id, $commands)
    };
    (@commands) => {
        $crate::testing::laws::Commands::made_up()
    };
    (@commands $commands:expr) => {
        $crate::testing::laws::Commands::from_strategy($commands)
    };
    ($aggregate:ty as $module:ident $(, id = $id:expr)? $(, commands = $commands:expr)? $(,)?) => {
        mod $module {
            #[allow(unused_imports, reason = "the aggregate may be given by its full path")]
            use super::*;

            fn laws() -> $crate::testing::laws::Laws<$aggregate> {
                $crate::laws!(@laws $aggregate; $($id)?; $crate::laws!(@commands $($commands)?))
            }

            #[test]
            fn every_event_is_reached() {
                laws().every_event_is_reached();
            }

            #[test]
            fn nothing_panics() {
                laws().nothing_panics();
            }

            #[test]
            fn events_survive_json() {
                laws().events_survive_json();
            }

            #[test]
            fn replay_equals_live() {
                laws().replay_equals_live();
            }

            #[test]
            fn snapshot_and_tail_equal_all() {
                laws().snapshot_and_tail_equal_all();
            }
        }
    };
    ($aggregate:ty $(, id = $id:expr)? $(, commands = $commands:expr)? $(,)?) => {
        $crate::laws!($aggregate as laws $(, id = $id)? $(, commands = $commands)?);
    };
}

/// The laws of a model, to be called one by one. [`laws!`](crate::laws!) makes a test of each.
pub struct Laws<A: Aggregate> {
    histories: Histories<A>,
    id_given: bool,
}

/// Where the commands of the histories come from.
pub struct Commands<A: Aggregate>(Source<A>);

enum Source<A: Aggregate> {
    MadeUp(fn(&str, Sampler, &mut Memory) -> Result<A::Command, SampleError>),
    Strategy(Box<Draw<A::Command>>),
}

type Draw<C> = dyn Fn(&mut TestRunner) -> Option<C>;

impl<A: Aggregate> Commands<A> {
    /// Commands with made-up values.
    #[must_use]
    pub fn made_up() -> Self
    where
        A::Command: DeserializeOwned,
    {
        Self(Source::MadeUp(|name, sampler, memory| sampler.variant(name, memory)))
    }

    /// The commands that this strategy gives.
    pub fn from_strategy(strategy: impl Strategy<Value = A::Command> + 'static) -> Self
    where
        A::Command: Debug,
    {
        Self(Source::Strategy(Box::new(move |runner| Some(strategy.new_tree(runner).ok()?.current()))))
    }
}

/// A strategy for made-up values of a type, to be combined with strategies of your own.
///
/// Values that cannot be made up are left out.
pub fn made_up<T: DeserializeOwned + Debug>() -> impl Strategy<Value = T> {
    proptest::prelude::any::<u64>()
        .prop_filter_map("a value that cannot be made up", |seed| super::sample::sample(seed).ok())
}

impl<A> Laws<A>
where
    A: Aggregate + Debug + PartialEq,
    A::Event: Clone + Debug + PartialEq,
    A::Command: Debug,
    A::Error: Debug,
{
    /// The laws of an aggregate whose id has a sample.
    #[must_use]
    pub fn new(commands: Commands<A>) -> Self
    where
        A::Id: SampleId,
    {
        Self { histories: Histories::new(A::Id::sample(), commands), id_given: false }
    }

    /// The laws of an aggregate with this id.
    #[must_use]
    pub fn with_id(id: A::Id, commands: Commands<A>) -> Self {
        Self { histories: Histories::new(id, commands), id_given: true }
    }

    /// Commands record every event that is not `#[retired]`, and at least 30 % of the commands of the histories are accepted.
    ///
    /// # Panics
    /// As a test does: when it is not so. The message names what was not reached, and why.
    #[track_caller]
    #[allow(clippy::panic, reason = "it is how a test fails")]
    pub fn every_event_is_reached(&self) {
        let mut reach = Reach::default();
        let mut runner = runner();
        for _ in 0..runner.config().cases {
            let history = self.histories.make(&mut runner);
            reach.follow::<A>(self.histories.id(), &history);
        }
        if let Some(missed) = reach.missed::<A>(self.histories.impossible()) {
            panic!("{missed}");
        }
    }

    /// No command panics when it is decided, and no event that commands record when it is folded; and the events that a
    /// conflict records have a place in the history.
    ///
    /// # Panics
    /// As a test does: when one does. The message is the history as given / when / then code.
    #[track_caller]
    pub fn nothing_panics(&self) {
        self.hold(true, |_| Ok(()));
    }

    /// An event that is stored and read again is the same event, and would be stored in the same way.
    ///
    /// # Panics
    /// As a test does: when one is not. The message is the history as given / when / then code.
    #[track_caller]
    pub fn events_survive_json(&self) {
        self.hold(false, |after| after.new_events().iter().try_for_each(survives));
    }

    /// The state that was built as the events happened is the one that stored events are folded to.
    ///
    /// # Panics
    /// As a test does: when it is another. The message is the history as given / when / then code.
    #[track_caller]
    pub fn replay_equals_live(&self) {
        self.hold(false, |after| {
            let mut replayed = Fold::<A>::new(after.fold.id().clone());
            for event in after.events {
                let read = stored_and_read(event)?;
                replayed.apply(read).map_err(|error| format!("the stored events do not fold: {error}"))?;
            }
            same("the state that stored events come to is another", &after.fold.state(), &replayed.state())
        });
    }

    /// A state that was kept as a snapshot and read again, gone on with the events since, is the fold of all events. It holds
    /// where the aggregate has no snapshots.
    ///
    /// # Panics
    /// As a test does: when it is another. The message is the history as given / when / then code.
    #[track_caller]
    pub fn snapshot_and_tail_equal_all(&self) {
        let Some(rule) = A::SNAPSHOT else { return };
        self.hold(false, |after| {
            // Before the step, and long before.
            for kept in [after.before, after.before / 2] {
                let mut fold = Fold::<A>::new(after.fold.id().clone());
                for (index, event) in after.events.iter().enumerate() {
                    if index == kept
                        && let Some(state) = fold.state()
                    {
                        let kept = rule
                            .encode(state)
                            .map_err(|error| format!("the state cannot be kept: {error}"))?;
                        let read = rule.decode(&kept).map_err(|error| {
                            format!(
                                "a state that was kept cannot be read again: {error}; it was kept as {kept}"
                            )
                        })?;
                        fold = Fold::restored(fold.id().clone(), read, fold.version(), fold.ended());
                    }
                    fold.apply(event.clone()).map_err(|error| format!("the events do not fold: {error}"))?;
                }
                let what = format!("a snapshot at version {kept} and the events since come to another state");
                same(&what, &after.fold.state(), &fold.state())?;
            }
            Ok(())
        });
    }

    #[track_caller]
    #[allow(clippy::panic, reason = "it is how a test fails")]
    fn hold(&self, for_panics: bool, law: impl Fn(&After<'_, A>) -> Result<(), String>) {
        let broken = |history: &History<A>| -> Option<Broken<A>> {
            walk(self.histories.id(), history, &law).err().filter(|broken| broken.panicked == for_panics)
        };
        let run = runner().run(&self.histories, |history| {
            broken(&history).map_or(Ok(()), |broken| Err(TestCaseError::fail(broken.what)))
        });
        match run {
            Ok(()) => {}
            Err(TestError::Fail(reason, history)) => match broken(&history) {
                Some(broken) => panic!("{}", broken.told(self.id_given.then(|| self.histories.id()))),
                None => panic!(
                    "`{}` broke a law, and kept it when the same was done again, so it does not depend on its \
                     events and commands alone (hash maps in random order? a clock?): {reason}",
                    A::MODEL.name
                ),
            },
            Err(TestError::Abort(reason)) => {
                panic!("the laws of `{}` were not tested: {reason}", A::MODEL.name)
            }
        }
    }
}

/// Histories are the same each time, unless the environment says otherwise.
fn runner() -> TestRunner {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if matches!(config.rng_seed, RngSeed::Random) {
        config.rng_seed = RngSeed::Fixed(1);
    }
    TestRunner::new(config)
}

fn survives<E: Event + Debug + PartialEq>(event: &E) -> Result<(), String> {
    let read = stored_and_read(event)?;
    same("an event that is stored and read again is another", event, &read)?;
    match (event.encode(), read.encode()) {
        (Ok(before), Ok(after)) => {
            let again = |stored: &str| {
                E::decode(event.name(), event.schema(), stored).ok().and_then(|event| event.encode().ok())
            };
            if compare::differing(&again, &before, &after).is_empty() {
                return Ok(());
            }
            same("an event that was read is stored in another way", &json(&before), &json(&after))
        }
        (_, Err(error)) | (Err(error), _) => Err(format!("an event cannot be stored: {error}")),
    }
}

fn stored_and_read<E: Event>(event: &E) -> Result<E, String> {
    let stored = event.encode().map_err(|error| format!("an event cannot be stored: {error}"))?;
    E::decode(event.name(), event.schema(), &stored)
        .map_err(|error| format!("an event cannot be read again: {error}; it was stored as {stored}"))
}

/// The order of members is no part of what is stored.
fn json(text: &str) -> Option<serde_json::Value> {
    serde_json::from_str(text).ok()
}

fn same<T: Debug + PartialEq>(what: &str, before: &T, after: &T) -> Result<(), String> {
    if before == after {
        return Ok(());
    }
    Err(format!("{what} (- before, + after)\n{}", diff(&pretty(before), &pretty(after))))
}

impl<A: Aggregate> Debug for Laws<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Laws").field("aggregate", &A::MODEL.name).finish_non_exhaustive()
    }
}

impl<A: Aggregate> Debug for Commands<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let source = match &self.0 {
            Source::MadeUp(_) => "made up",
            Source::Strategy(_) => "of a strategy",
        };
        f.debug_tuple("Commands").field(&source).finish()
    }
}
