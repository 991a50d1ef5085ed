//! Models of which made-up commands do not reach everything: the law says what, and why.

use factum::{
    Aggregate,
    testing::laws::{Commands, Laws},
};
use serde::{Deserialize, Serialize};

use crate::{Number, Path, Safe, fails};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refusal {
    TooSmall,
}

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[aggregate(error = Refusal)]
#[events {
    #[creates]
    Opened { name },
    Renamed { name },
    Grown,
    #[retired]
    Gone,
}]
#[commands {
    Open => Opened,
    Rename => Renamed,
    #[require(self.size > 3, Refusal::TooSmall)]
    Grow => Grown,
    #[decide(Ok(UnreachedEvent::Renamed { name }))]
    Pretend { name: String } => Renamed | Grown,
}]
pub struct Unreached {
    #[id]
    number: Number,
    name: String,
    #[on(Grown += 1, Gone = 0)]
    size: u32,
}

#[test]
fn an_event_that_no_command_comes_to_is_named() {
    let told = fails(|| Laws::<Unreached>::new(Commands::made_up()).every_event_is_reached());
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines[0], "made-up commands do not reach all of `Unreached`, so its laws are not tested:");
    assert!(lines[1].starts_with("- `Grown` is never recorded; `Grow` was given "), "{told}");
    assert!(
        lines[1].contains(" times and always refused, at last with Domain(TooSmall); `Pretend` was given "),
        "{told}"
    );
    assert!(lines[1].ends_with(" times, with other events"), "{told}");
    assert_eq!(
        lines[2],
        "give commands that your guards accept: `factum::laws!(Unreached, commands = strategy)`, with a proptest \
         strategy; mark an event that is not recorded any more `#[retired]`"
    );
    assert_eq!(lines.len(), 3, "{told}");
}

#[test]
fn too_few_accepted_commands_are_a_failure() {
    // Mostly refused, and yet everything is reached.
    let commands = || {
        use factum::testing::proptest::prelude::*;
        prop_oneof![
            1 => Just(crate::SafeCommand::Open { secret: 4711 }),
            1 => Just(crate::SafeCommand::Close { color: "red".into() }),
            3000 => Just(crate::SafeCommand::Open { secret: 0 }),
        ]
    };
    let laws = Laws::<Safe>::with_id(Path(Vec::new()), Commands::from_strategy(commands()));
    let told = fails(|| laws.every_event_is_reached());
    assert!(told.contains(" commands are accepted ("), "{told}");
    assert!(told.contains(" %); it takes 30 %\n"), "{told}");
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Secret(String);

impl TryFrom<String> for Secret {
    type Error = &'static str;

    fn try_from(_: String) -> Result<Self, Self::Error> {
        Err("too weak")
    }
}

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events { #[creates] Opened { name }, Locked { #[audit] with: Secret } }]
#[commands { Open => Opened, Lock => Locked }]
pub struct Locked {
    #[id]
    number: Number,
    name: String,
}

#[test]
fn a_command_that_cannot_be_made_up_is_named() {
    let told = fails(|| Laws::<Locked>::new(Commands::made_up()).every_event_is_reached());
    assert!(
        told.contains("\n- `Lock` is never given: cannot make up a value of `laws::unreached::LockedCommand` because of `Lock.with`: "),
        "{told}"
    );
    assert!(told.contains("\n- `Locked` is never recorded; `Lock` was never given\n"), "{told}");
}
