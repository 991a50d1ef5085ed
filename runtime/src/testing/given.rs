//! Given these events, when this command, then those events: tests in the words of the domain.

use std::fmt::{self, Debug};

use chrono::{DateTime, Utc};

use crate::{Aggregate, Context, Decision, Fold, Metadata, Rejection};

/// A history to give a command to. Made by [`Aggregate::given`] and [`Aggregate::given_as`].
#[must_use = "a history alone tests nothing: give it a command with `when`"]
pub struct Given<A: Aggregate> {
    fold: Fold<A>,
    now: DateTime<Utc>,
    metadata: Metadata,
}

impl<A: Aggregate> Given<A> {
    #[track_caller]
    #[allow(clippy::panic, reason = "it is how a test fails")]
    pub(crate) fn new(id: A::Id, events: impl IntoIterator<Item = A::Event>) -> Self {
        let mut fold = Fold::new(id);
        for event in events {
            if let Err(error) = fold.apply(event) {
                panic!("the given events cannot be a history: {error}");
            }
        }
        // Any fixed time would do; the start of a day reads well in a failing test.
        Self { fold, now: DateTime::from_timestamp_nanos(946_684_800_000_000_000), metadata: Metadata::new() }
    }

    /// The command is decided at this time: `ctx.now`. Without it, at the start of the year 2000.
    pub fn at(mut self, now: DateTime<Utc>) -> Self {
        self.now = now;
        self
    }

    /// The command is given by this actor: `ctx.actor()`.
    pub fn by(mut self, actor: impl Into<String>) -> Self {
        self.metadata.actor = Some(actor.into());
        self
    }

    /// The command comes with this metadata: `ctx.metadata`.
    pub fn with(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Gives the command.
    pub fn when(self, command: A::Command) -> When<A> {
        let ctx = Context::new(self.now, self.fold.version(), self.metadata);
        let decision = self.fold.decide(command, &ctx);
        When { fold: self.fold, decision }
    }

    /// Asserts the state that the given events come to.
    ///
    /// # Panics
    /// As a test does: when the state is another.
    #[track_caller]
    pub fn then_state(self, expected: &A)
    where
        A: Debug + PartialEq,
    {
        assert_state(self.fold.state(), expected);
    }
}

/// What a command led to, to be compared with what was expected.
#[must_use = "nothing is tested until you say what was expected, with `then`, `then_rejected` or `then_state`"]
pub struct When<A: Aggregate> {
    fold: Fold<A>,
    decision: Result<Decision<A::Event>, Rejection<A::Error>>,
}

impl<A: Aggregate> When<A> {
    /// Asserts that the command led to exactly these events, in this order, and that they fold.
    ///
    /// # Panics
    /// As a test does: when it led to others or was refused.
    #[track_caller]
    #[allow(clippy::panic, reason = "it is how a test fails")]
    pub fn then(mut self, expected: impl IntoIterator<Item = A::Event>)
    where
        A::Event: Debug + PartialEq,
        A::Error: Debug,
    {
        let expected: Vec<_> = expected.into_iter().collect();
        match self.decision {
            Ok(decision) if decision.as_slice() == expected => fold(&mut self.fold, decision),
            Ok(decision) => panic!(
                "the command led to other events (- expected, + decided)\n{}",
                diff(&pretty(&expected), &pretty(&decision.as_slice()))
            ),
            Err(rejection) => panic!("the command was refused: {rejection:?}\nexpected {expected:#?}"),
        }
    }

    /// Asserts that the command was refused for this reason: a [`Rejection`], or an error of the domain.
    ///
    /// # Panics
    /// As a test does: when it was accepted, or refused for another reason.
    #[track_caller]
    #[allow(clippy::panic, reason = "it is how a test fails")]
    pub fn then_rejected(self, expected: impl Into<Rejection<A::Error>>)
    where
        A::Event: Debug,
        A::Error: Debug + PartialEq,
    {
        let expected = expected.into();
        match self.decision {
            Err(rejection) if rejection == expected => {}
            Err(rejection) => panic!(
                "the command was refused for another reason (- expected, + given)\n{}",
                diff(&pretty(&expected), &pretty(&rejection))
            ),
            Ok(decision) => panic!(
                "the command was accepted and led to {:#?}\nexpected it to be refused: {expected:?}",
                decision.as_slice()
            ),
        }
    }

    /// Asserts the state after the events that the command led to.
    ///
    /// # Panics
    /// As a test does: when the state is another or the command was refused.
    #[track_caller]
    #[allow(clippy::panic, reason = "it is how a test fails")]
    pub fn then_state(mut self, expected: &A)
    where
        A: Debug + PartialEq,
        A::Error: Debug,
    {
        match self.decision {
            Ok(decision) => fold(&mut self.fold, decision),
            Err(rejection) => panic!("the command was refused: {rejection:?}"),
        }
        assert_state(self.fold.state(), expected);
    }
}

#[track_caller]
#[allow(clippy::panic, reason = "it is how a test fails")]
fn fold<A: Aggregate>(fold: &mut Fold<A>, decision: Decision<A::Event>) {
    for event in decision.into_vec() {
        if let Err(error) = fold.apply(event) {
            panic!("the events that the command led to do not fold: {error}");
        }
    }
}

#[track_caller]
#[allow(clippy::panic, reason = "it is how a test fails")]
fn assert_state<A: Debug + PartialEq>(state: Option<&A>, expected: &A) {
    match state {
        Some(state) if state == expected => {}
        Some(state) => {
            panic!(
                "the state is another (- expected, + folded)\n{}",
                diff(&pretty(&expected), &pretty(&state))
            )
        }
        None => panic!("there is no state: nothing has created the aggregate\nexpected {expected:#?}"),
    }
}

pub(super) fn pretty(value: &impl Debug) -> String {
    format!("{value:#?}")
}

/// The lines of both, those that differ marked. What both start and end with is shown once.
pub(super) fn diff(expected: &str, actual: &str) -> String {
    let expected: Vec<_> = expected.lines().collect();
    let actual: Vec<_> = actual.lines().collect();
    let start = expected.iter().zip(&actual).take_while(|(a, b)| a == b).count();
    let end = expected
        .iter()
        .skip(start)
        .rev()
        .zip(actual.iter().skip(start).rev())
        .take_while(|(a, b)| a == b)
        .count();
    let middle = |lines: &[&str], mark: &str| -> Vec<String> {
        lines
            .iter()
            .take(lines.len().saturating_sub(end))
            .skip(start)
            .map(|line| format!("{mark} {line}"))
            .collect()
    };
    let same = |line: &&str| format!("  {line}");
    let mut lines: Vec<String> = expected.iter().take(start).map(same).collect();
    lines.extend(middle(&expected, "-"));
    lines.extend(middle(&actual, "+"));
    lines.extend(expected.iter().skip(expected.len().saturating_sub(end)).map(same));
    lines.join("\n")
}

impl<A: Aggregate> Debug for Given<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").field("version", &self.fold.version()).finish_non_exhaustive()
    }
}

impl<A: Aggregate> Debug for When<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("When").field("accepted", &self.decision.is_ok()).finish_non_exhaustive()
    }
}
