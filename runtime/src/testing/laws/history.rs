//! Histories: commands, one after the other, that make sense together.

use std::{cell::RefCell, fmt};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::{
    prelude::Rng as _,
    strategy::{NewTree, Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::{
    Commands, Source,
    walk::{apply, decide},
};
use crate::{
    Aggregate, Context, Fold, Metadata, Version,
    model::{CommandModel, EventModel},
    testing::sample::{Memory, SampleError, Sampler, TAME},
};

/// When histories begin: the time that [`Given`](crate::testing::Given) assumes.
pub(super) const START: DateTime<Utc> = DateTime::from_timestamp_nanos(946_684_800_000_000_000);

const LONGEST: usize = 24;

/// How many commands are looked at for one that is accepted.
const CANDIDATES: usize = 32;

/// How many refused commands in a row say that nothing will be accepted any more.
const STUCK: usize = 3;

/// What may pass between two commands.
const PAUSES: [TimeDelta; 6] = [
    TimeDelta::microseconds(1),
    TimeDelta::seconds(1),
    TimeDelta::minutes(5),
    TimeDelta::hours(1),
    TimeDelta::days(1),
    TimeDelta::days(40),
];

/// Who may give a command.
const ACTORS: [Option<&str>; 4] = [None, Some("ann"), Some("ann"), Some("bob")];

/// A command, and what is known beside it.
#[derive(Clone)]
pub(super) struct Step<C> {
    pub(super) command: C,
    pub(super) now: DateTime<Utc>,
    pub(super) actor: Option<&'static str>,
    /// It meets a conflict, which is recorded.
    pub(super) late: bool,
}

impl<C> Step<C> {
    pub(super) fn context(&self, version: Version) -> Context {
        let mut metadata = Metadata::new();
        metadata.actor = self.actor.map(str::to_owned);
        Context::new(self.now, version, metadata)
    }
}

/// Commands in the order in which they are given.
pub(super) struct History<A: Aggregate>(Vec<Step<A::Command>>);

impl<A: Aggregate> History<A> {
    pub(super) fn steps(&self) -> &[Step<A::Command>] {
        &self.0
    }
}

impl<A: Aggregate> fmt::Debug for History<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} commands for `{}`", self.0.len(), A::MODEL.name)
    }
}

/// The strategy for histories.
pub(super) struct Histories<A: Aggregate> {
    id: A::Id,
    commands: Commands<A>,
    /// The commands that can be made up.
    possible: Vec<&'static CommandModel>,
    /// The others, and why not.
    impossible: Vec<(&'static str, SampleError)>,
    memory: RefCell<Memory>,
}

impl<A: Aggregate> fmt::Debug for Histories<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "histories of `{}`", A::MODEL.name)
    }
}

impl<A: Aggregate> Histories<A> {
    pub(super) fn new(id: A::Id, commands: Commands<A>) -> Self {
        let (mut possible, mut impossible) = (Vec::new(), Vec::new());
        let mut memory = Memory::default();
        if let Source::MadeUp(make) = commands.0 {
            for command in A::MODEL.commands {
                match make(command.name, Sampler::new(TAME), &mut memory) {
                    Ok(_) => possible.push(command),
                    Err(error) => impossible.push((command.name, error)),
                }
            }
        }
        Self { id, commands, possible, impossible, memory: RefCell::new(memory) }
    }

    pub(super) const fn id(&self) -> &A::Id {
        &self.id
    }

    /// The commands that cannot be made up, and why.
    pub(super) fn impossible(&self) -> &[(&'static str, SampleError)] {
        &self.impossible
    }

    pub(super) fn make(&self, runner: &mut TestRunner) -> History<A> {
        let mut random = fastrand::Rng::with_seed(runner.rng().next_u64());
        let pool = random.u64(..);
        let mut fold = Fold::new(self.id.clone());
        let mut now = START;
        let mut steps = Vec::new();
        let mut stuck = 0;
        for _ in 0..random.usize(1..=LONGEST) {
            if let Some(pause) = random.choice(PAUSES) {
                now += pause;
            }
            let over = fold.ended();
            let Some(step) = self.step(&fold, now, pool, &mut random, runner) else { break };
            let decided = decide(&fold, &step);
            stuck = if matches!(decided, Ok(Err(_))) { stuck + 1 } else { 0 };
            let folds = decided.is_ok_and(|decided| {
                decided.into_iter().flatten().all(|event| apply(&mut fold, event).is_ok())
            });
            steps.push(step);
            // After the last event one command sees that there is none to come; after a panic there is no state.
            if over || !folds || stuck == STUCK {
                break;
            }
        }
        History(steps)
    }

    /// A command for this state: mostly the first candidate that is accepted. `None` if there is none at all.
    fn step(
        &self,
        fold: &Fold<A>,
        now: DateTime<Utc>,
        pool: u64,
        random: &mut fastrand::Rng,
        runner: &mut TestRunner,
    ) -> Option<Step<A::Command>> {
        let whatever_comes = fold.ended() || random.u8(..8) == 0;
        let fitting: Vec<_> =
            self.possible.iter().filter(|model| whatever_comes || fits::<A>(model, fold)).collect();
        let mut refused = None;
        for _ in 0..CANDIDATES {
            let command = match &self.commands.0 {
                Source::MadeUp(make) => {
                    let model = random.choice(&fitting)?;
                    if !whatever_comes && ends::<A>(model) && random.u8(..8) != 0 {
                        continue;
                    }
                    let sampler = Sampler::new(random.u64(1..)).pool(pool);
                    make(model.name, sampler, &mut self.memory.borrow_mut()).ok()
                }
                Source::Strategy(strategy) => strategy(runner),
            };
            let Some(command) = command else { continue };
            let actor = random.choice(ACTORS).flatten();
            let may_be_late = fold.state().is_some() && A::command_model(&command).on_conflict.is_some();
            let late = may_be_late && random.u8(..4) == 0;
            let step = Step { command, now, actor, late };
            match decide(fold, &step) {
                Ok(Err(_)) if !whatever_comes => refused = Some(step),
                // Accepted, or it panicked, which is worth seeing, too.
                _ => return Some(step),
            }
        }
        refused
    }

    /// The same with values that read well.
    fn tame(&self, command: &A::Command) -> Option<A::Command> {
        match &self.commands.0 {
            Source::MadeUp(make) => {
                make(A::command_model(command).name, Sampler::new(TAME), &mut self.memory.borrow_mut()).ok()
            }
            Source::Strategy(_) => None,
        }
    }
}

/// Whether the command has a place in this state.
fn fits<A: Aggregate>(command: &CommandModel, fold: &Fold<A>) -> bool {
    match fold.state() {
        Some(_) => !command.creates,
        None => events::<A>(command).any(|event| event.creates),
    }
}

/// Whether the command may be the last one.
fn ends<A: Aggregate>(command: &CommandModel) -> bool {
    events::<A>(command).any(|event| event.ends)
}

fn events<A: Aggregate>(command: &CommandModel) -> impl Iterator<Item = &'static EventModel> {
    A::MODEL.events.iter().filter(|event| command.events.contains(&event.variant))
}

impl<A: Aggregate> Strategy for Histories<A> {
    type Tree = Smaller<A>;
    type Value = History<A>;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let History(steps) = self.make(runner);
        let tame = steps.iter().map(|step| self.tame(&step.command)).collect();
        Ok(Smaller::new(steps, tame))
    }
}

/// A history that is made smaller: with fewer commands, then with plain ones.
pub(super) struct Smaller<A: Aggregate> {
    steps: Vec<Option<Step<A::Command>>>,
    tame: Vec<Option<A::Command>>,
    /// What is still to be tried, the next one last.
    ideas: Vec<Idea>,
    /// What the idea that is being tried replaced.
    before: Option<(usize, Option<Step<A::Command>>)>,
}

#[derive(Clone, Copy)]
enum Idea {
    Without(usize),
    AtTheStart(usize),
    ByNobody(usize),
    InTime(usize),
    Tame(usize),
}

impl<A: Aggregate> Smaller<A> {
    fn new(steps: Vec<Step<A::Command>>, tame: Vec<Option<A::Command>>) -> Self {
        let each = |idea: fn(usize) -> Idea| (0..steps.len()).map(idea);
        let ideas = each(Idea::Tame)
            .chain(each(Idea::ByNobody))
            .chain(each(Idea::AtTheStart))
            .chain(each(Idea::InTime))
            // Twice: without a later command, an earlier one may not be needed any more either.
            .chain(each(Idea::Without))
            .chain(each(Idea::Without))
            .collect();
        Self { steps: steps.into_iter().map(Some).collect(), tame, ideas, before: None }
    }

    /// Tries the next idea that changes anything.
    fn next(&mut self) -> bool {
        while let Some(idea) = self.ideas.pop() {
            let (Idea::Without(at)
            | Idea::AtTheStart(at)
            | Idea::ByNobody(at)
            | Idea::InTime(at)
            | Idea::Tame(at)) = idea;
            let Some(place) = self.steps.get_mut(at) else { continue };
            let Some(step) = place.clone() else { continue };
            let smaller = match idea {
                Idea::Without(_) => None,
                Idea::AtTheStart(_) if step.now != START => Some(Step { now: START, ..step }),
                Idea::ByNobody(_) if step.actor.is_some() => Some(Step { actor: None, ..step }),
                Idea::InTime(_) if step.late => Some(Step { late: false, ..step }),
                Idea::Tame(_) => match self.tame.get_mut(at).and_then(Option::take) {
                    Some(command) => Some(Step { command, ..step }),
                    None => continue,
                },
                Idea::AtTheStart(_) | Idea::ByNobody(_) | Idea::InTime(_) => continue,
            };
            self.before = Some((at, std::mem::replace(place, smaller)));
            return true;
        }
        false
    }
}

impl<A: Aggregate> ValueTree for Smaller<A> {
    type Value = History<A>;

    fn current(&self) -> History<A> {
        History(self.steps.iter().flatten().cloned().collect())
    }

    fn simplify(&mut self) -> bool {
        self.before = None;
        self.next()
    }

    /// The last idea was no good.
    fn complicate(&mut self) -> bool {
        if let Some((at, step)) = self.before.take()
            && let Some(place) = self.steps.get_mut(at)
        {
            *place = step;
        }
        self.next()
    }
}
