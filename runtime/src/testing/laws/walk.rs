//! Carrying out a history, step by step.

use std::fmt::Debug;

use super::{
    code,
    history::{History, Step},
    quiet::quietly,
};
use crate::{Aggregate, Event, Fold, Rejection};

/// What is there after a step that was accepted.
pub(super) struct After<'a, A: Aggregate> {
    /// The state, built as the events happened.
    pub(super) fold: &'a Fold<A>,
    /// All events so far.
    pub(super) events: &'a [A::Event],
    /// How many there were before the step.
    pub(super) before: usize,
}

impl<A: Aggregate> After<'_, A> {
    pub(super) fn new_events(&self) -> &[A::Event] {
        self.events.get(self.before..).unwrap_or_default()
    }
}

/// A step at which a law does not hold.
pub(super) struct Broken<A: Aggregate> {
    given: Vec<A::Event>,
    step: Step<A::Command>,
    then: Vec<A::Event>,
    pub(super) what: String,
    /// Whether the domain's own code panicked, or gave what does not fold; no other law can be looked at then.
    pub(super) panicked: bool,
}

/// What a command leads to.
pub(super) type Decided<A> = Result<Vec<<A as Aggregate>::Event>, Rejection<<A as Aggregate>::Error>>;

/// Decides a step.
///
/// # Errors
/// It panicked.
pub(super) fn decide<A: Aggregate>(fold: &Fold<A>, step: &Step<A::Command>) -> Result<Decided<A>, String> {
    let (command, ctx) = (step.command.clone(), step.context(fold.version()));
    let decided = quietly(|| match fold.state().filter(|_| step.late && !fold.ended()) {
        Some(state) => Ok(A::on_conflict(state, fold.id(), command, &ctx).into_iter().collect()),
        None => fold.decide(command, &ctx).map(crate::Decision::into_vec),
    });
    let name = A::command_model(&step.command).name;
    decided.map_err(|said| format!("deciding `{name}` {said}"))
}

/// Folds an event.
///
/// # Errors
/// It panicked, or has no place.
pub(super) fn apply<A: Aggregate>(fold: &mut Fold<A>, event: A::Event) -> Result<(), String> {
    let name = event.model().variant;
    match quietly(|| fold.apply(event)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(said) => Err(format!("folding `{name}` {said}")),
    }
}

/// Carries out the history, and holds each accepted step against the law.
pub(super) fn walk<A>(
    id: &A::Id,
    history: &History<A>,
    law: impl Fn(&After<'_, A>) -> Result<(), String>,
) -> Result<(), Broken<A>>
where
    A: Aggregate,
    A::Event: Clone,
{
    let mut fold = Fold::<A>::new(id.clone());
    let mut events = Vec::new();
    for step in history.steps() {
        let before = events.len();
        let broken = |mut given: Vec<A::Event>, what, panicked| {
            let then = given.split_off(before.min(given.len()));
            Broken { given, step: step.clone(), then, what, panicked }
        };
        let decided = match decide(&fold, step) {
            Ok(Ok(decided)) => decided,
            Ok(Err(_)) => continue,
            Err(what) => return Err(broken(events, what, true)),
        };
        events.extend(decided.iter().cloned());
        for event in decided {
            if let Err(what) = apply(&mut fold, event) {
                return Err(broken(events, what, true));
            }
        }
        if let Err(what) = law(&After { fold: &fold, events: &events, before }) {
            return Err(broken(events, what, false));
        }
    }
    Ok(())
}

impl<A> Broken<A>
where
    A: Aggregate,
    A::Event: Debug,
    A::Command: Debug,
{
    /// What is wrong, and how to get there.
    pub(super) fn told(&self, id: Option<&A::Id>) -> String {
        format!(
            "`{}` breaks a law: {}\n\n{}",
            A::MODEL.name,
            self.what,
            code::test::<A>(id, &self.given, &self.step, &self.then)
        )
    }
}
