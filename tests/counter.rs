//! A small aggregate, written by hand: what the derive writes, and nothing that it does.

use factum::{
    Aggregate, Context, Decision, Event, Misplaced, Rejection,
    model::{EventModel, FieldModel, FieldRole, Model, PayloadModel, Reads, Write},
};
use serde::{Deserialize, Serialize};

/// Something that counts, and remembers each step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Which one.
    pub id: String,
    /// What it counts.
    pub label: String,
    /// How far it has come.
    pub total: u64,
    /// The steps, in order.
    pub steps: Vec<u64>,
}

/// What happens to a counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub enum CounterEvent {
    Opened { label: String },
    Added { step: u64 },
    Closed,
}

/// What can be asked of a counter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum CounterCommand {
    Open {
        label: String,
    },
    Add {
        step: u64,
    },
    /// Several at once: one commit of several events, or none.
    AddAll {
        steps: Vec<u64>,
    },
    Close,
}

/// Why a counter refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CounterError {
    /// It takes every step once.
    AlreadyTaken,
}

impl Event for CounterEvent {
    const EVENTS: &'static [EventModel] = &[
        event("Opened", true, false, &[payload("label", "String")], &[write("label", "=")]),
        event(
            "Added",
            false,
            false,
            &[payload("step", "u64")],
            &[write("total", "+="), write("steps", "=>")],
        ),
        event("Closed", false, true, &[], &[]),
    ];

    fn model(&self) -> &'static EventModel {
        let [opened, added, closed] = Self::EVENTS else { unreachable!() };
        match self {
            Self::Opened { .. } => opened,
            Self::Added { .. } => added,
            Self::Closed => closed,
        }
    }
}

impl Aggregate for Counter {
    type Id = String;
    type Event = CounterEvent;
    type Command = CounterCommand;
    type Error = CounterError;

    const CATEGORY: &'static str = "counter";
    const MODEL: &'static Model = &Model {
        name: "Counter",
        category: Self::CATEGORY,
        docs: "",
        fields: &[
            field("id", "String", FieldRole::Id),
            field("label", "String", FieldRole::State),
            field("total", "u64", FieldRole::State),
            field("steps", "Vec<u64>", FieldRole::State),
        ],
        events: CounterEvent::EVENTS,
        commands: &[],
        unique: &[],
    };

    fn create(id: &String, event: CounterEvent) -> Result<Self, Misplaced> {
        match event {
            CounterEvent::Opened { label } => Ok(Self { id: id.clone(), label, total: 0, steps: Vec::new() }),
            event => Err(Misplaced { event: event.model() }),
        }
    }

    fn apply(&mut self, event: CounterEvent) -> Result<(), Misplaced> {
        match event {
            CounterEvent::Opened { .. } => return Err(Misplaced { event: event.model() }),
            CounterEvent::Added { step } => {
                self.total = self.total.saturating_add(step);
                self.steps.push(step);
            }
            CounterEvent::Closed => {}
        }
        Ok(())
    }

    fn handle(
        state: Option<&Self>,
        _: &String,
        command: CounterCommand,
        _: &Context,
    ) -> Result<Decision<CounterEvent>, Rejection<CounterError>> {
        let counter = match (state, command) {
            (None, CounterCommand::Open { label }) => {
                return Ok(Decision::one(CounterEvent::Opened { label }));
            }
            (None, _) => return Err(Rejection::NotFound),
            (Some(_), CounterCommand::Open { .. }) => return Err(Rejection::AlreadyExists),
            (Some(counter), command) => (counter, command),
        };
        let add = |step| match counter.0.steps.contains(&step) {
            true => Err(Rejection::Domain(CounterError::AlreadyTaken)),
            false => Ok(CounterEvent::Added { step }),
        };
        match counter.1 {
            CounterCommand::Add { step } => add(step).map(Decision::one),
            CounterCommand::AddAll { steps } => {
                steps.into_iter().map(add).collect::<Result<Vec<_>, _>>().map(Decision::from)
            }
            CounterCommand::Open { .. } | CounterCommand::Close => Ok(Decision::one(CounterEvent::Closed)),
        }
    }
}

const fn event(
    name: &'static str,
    creates: bool,
    ends: bool,
    payload: &'static [PayloadModel],
    writes: &'static [Write],
) -> EventModel {
    let (docs, retired, reads) = ("", false, Reads::Fields(&[]));
    EventModel {
        name,
        variant: name,
        schema: 1,
        evolution: &[],
        docs,
        creates,
        ends,
        retired,
        payload,
        writes,
        reads,
    }
}

const fn payload(name: &'static str, ty: &'static str) -> PayloadModel {
    PayloadModel { name, member: name, ty, docs: "", audit: false, flattened: false }
}

const fn write(field: &'static str, operator: &'static str) -> Write {
    Write { field, operator }
}

const fn field(name: &'static str, ty: &'static str, role: FieldRole) -> FieldModel {
    FieldModel { name, ty, docs: "", role }
}
