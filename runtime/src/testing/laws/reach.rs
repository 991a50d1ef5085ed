//! How much of a model the histories reach.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{Debug, Write as _},
};

use super::{
    history::History,
    walk::{apply, decide},
};
use crate::{Aggregate, Event, Fold, model::CommandModel, testing::sample::SampleError};

/// Fewer accepted commands than this would leave the laws without anything to say, in percent.
const ENOUGH: usize = 30;

#[derive(Default)]
pub(super) struct Reach {
    given: usize,
    accepted: usize,
    recorded: BTreeSet<&'static str>,
    commands: BTreeMap<&'static str, Given>,
}

/// A command, and what became of it.
#[derive(Default)]
struct Given {
    times: usize,
    accepted: usize,
    refused: Option<String>,
}

impl Reach {
    /// Takes in what a history reaches.
    pub(super) fn follow<A: Aggregate>(&mut self, id: &A::Id, history: &History<A>)
    where
        A::Error: Debug,
    {
        let mut fold = Fold::<A>::new(id.clone());
        for step in history.steps() {
            // What panics is for another law to tell.
            let Ok(decided) = decide(&fold, step) else { return };
            let command = self.commands.entry(A::command_model(&step.command).name).or_default();
            if !step.late {
                self.given += 1;
                command.times += 1;
            }
            match decided {
                Ok(events) => {
                    if !step.late {
                        self.accepted += 1;
                        command.accepted += 1;
                    }
                    for event in events {
                        self.recorded.insert(event.model().variant);
                        if apply(&mut fold, event).is_err() {
                            return;
                        }
                    }
                }
                Err(refused) => command.refused = Some(format!("{refused:?}")),
            }
        }
    }

    /// What was not reached, and what to do about it; `None` if everything was. `impossible` are the commands that could
    /// not be given.
    pub(super) fn missed<A: Aggregate>(&self, impossible: &[(&'static str, SampleError)]) -> Option<String> {
        let missed: Vec<_> = A::MODEL
            .events
            .iter()
            .filter(|event| !event.retired && !self.recorded.contains(event.variant))
            .collect();
        let share = (self.accepted * 100).checked_div(self.given).unwrap_or(0);
        if missed.is_empty() && share >= ENOUGH && impossible.is_empty() {
            return None;
        }
        let name = A::MODEL.name;
        let mut told =
            format!("made-up commands do not reach all of `{name}`, so its laws are not tested:\n");
        // Writing into a string cannot fail.
        for (command, why) in impossible {
            let _ = writeln!(told, "- `{command}` is never given: {why}");
        }
        for event in missed {
            let by: Vec<_> = A::MODEL
                .commands
                .iter()
                .filter(|command| {
                    command.events.contains(&event.variant) || command.on_conflict == Some(event.variant)
                })
                .map(|command| self.told(command))
                .collect();
            let _ = writeln!(told, "- `{}` is never recorded; {}", event.variant, by.join("; "));
        }
        if share < ENOUGH {
            let _ = writeln!(
                told,
                "- {} of {} commands are accepted ({share} %); it takes {ENOUGH} %",
                self.accepted, self.given
            );
        }
        let _ = write!(
            told,
            "give commands that your guards accept: `factum::laws!({name}, commands = strategy)`, with a proptest \
             strategy; mark an event that is not recorded any more `#[retired]`"
        );
        Some(told)
    }

    fn told(&self, command: &CommandModel) -> String {
        let name = command.name;
        match self.commands.get(name) {
            None => format!("`{name}` was never given"),
            Some(Given { times, accepted: 0, refused }) => {
                let last = refused.as_deref().unwrap_or_default();
                format!("`{name}` was given {times} times and always refused, at last with {last}")
            }
            Some(Given { times, accepted, .. }) => {
                format!("`{name}` was given {times} times and accepted {accepted} times, with other events")
            }
        }
    }
}
