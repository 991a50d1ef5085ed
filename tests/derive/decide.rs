//! `#[decide]`: what it may give, what it sees, and what is refused of what it gave.

use factum::{Aggregate, Decision, InvalidDecision, Rejection};

/// One of everything that a decision may give.
#[derive(Aggregate, Clone, Debug, PartialEq)]
#[aggregate(error = String)]
#[events {
    #[creates]
    Started,
    Up { by: u32 },
    Down { by: u32 },
    #[ends]
    Stopped,
}]
#[commands {
    Start => Started,
    #[decide(Ok(LiftEvent::Up { by }))]
    One { by: u32 } => Up,
    #[decide(Ok((by > 0).then_some(LiftEvent::Up { by })))]
    Perhaps { by: u32 } => Up,
    #[decide(Ok(steps.into_iter().map(|by| LiftEvent::Up { by }).collect::<Vec<_>>()))]
    Many { steps: Vec<u32> } => Up,
    #[decide(Ok([LiftEvent::Up { by }, LiftEvent::Down { by }]))]
    There { by: u32 } => Up | Down,
    #[decide(Ok((LiftEvent::Up { by }, stop.then_some(LiftEvent::Stopped), ())))]
    Tuple { by: u32, stop: bool } => Up | Stopped,
    #[decide(Ok(()))]
    Nothing => Stopped,
    #[decide(Ok(if by == 0 { Decision::none() } else { Decision::one(LiftEvent::Up { by }) }))]
    Ready { by: u32 } => Up,
    #[decide({
        let by: u32 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
        if by > self.room() {
            return Err("too high".to_owned());
        }
        Ok(LiftEvent::Up { by })
    })]
    Parse { text: String } => Up,
    // It begins like a statement, and goes on.
    #[decide(if by > 0 { Ok(by) } else { Err("zero") }.map_err(str::to_owned).map(|by| LiftEvent::Up { by }))]
    More { by: u32 } => Up,
    #[decide(Err("never".into()) as Result<LiftEvent, String>)]
    Refuse => Stopped,
    #[reads(height)]
    #[decide(if *height == 0 { Err(Self::on_the_ground()) } else { Ok(LiftEvent::Down { by: *height }) })]
    Ground {} => Down,
    #[decide(Ok(what))]
    Say { what: Vec<LiftEvent> } => Up | Stopped,
}]
pub struct Lift {
    #[id]
    number: u8,
    #[on(Up += by, Down -= by)]
    height: u32,
    #[on(Stopped = true)]
    stopped: bool,
}

impl Lift {
    fn room(&self) -> u32 {
        10 - self.height
    }

    fn on_the_ground() -> String {
        "on the ground".into()
    }
}

fn up(by: u32) -> LiftEvent {
    LiftEvent::Up { by }
}

/// What a started lift decides.
fn decides(command: LiftCommand, events: impl IntoIterator<Item = LiftEvent>) {
    Lift::given([LiftEvent::Started]).when(command).then(events);
}

#[test]
fn a_decision_gives_events_in_any_of_these_shapes() {
    decides(LiftCommand::One { by: 1 }, [up(1)]);
    decides(LiftCommand::Perhaps { by: 0 }, []);
    decides(LiftCommand::Perhaps { by: 2 }, [up(2)]);
    decides(LiftCommand::Many { steps: vec![] }, []);
    decides(LiftCommand::Many { steps: vec![1, 2, 3] }, [up(1), up(2), up(3)]);
    decides(LiftCommand::There { by: 3 }, [up(3), LiftEvent::Down { by: 3 }]);
    decides(LiftCommand::Tuple { by: 3, stop: false }, [up(3)]);
    decides(LiftCommand::Tuple { by: 3, stop: true }, [up(3), LiftEvent::Stopped]);
    decides(LiftCommand::Nothing, []);
    decides(LiftCommand::Ready { by: 0 }, []);
    decides(LiftCommand::Ready { by: 4 }, [up(4)]);
    decides(LiftCommand::More { by: 4 }, [up(4)]);
}

#[test]
fn question_marks_and_returns_end_the_decision() {
    let parse = |text: &str| LiftCommand::Parse { text: text.into() };
    decides(parse("5"), [up(5)]);
    Lift::given([LiftEvent::Started]).when(parse("x")).then_rejected("`x` is no number".to_owned());
    Lift::given([LiftEvent::Started, up(6)]).when(parse("5")).then_rejected("too high".to_owned());
    Lift::given([LiftEvent::Started]).when(LiftCommand::Refuse).then_rejected("never".to_owned());
}

#[test]
fn reads_gives_references_to_the_fields() {
    Lift::given([LiftEvent::Started]).when(LiftCommand::Ground).then_rejected("on the ground".to_owned());
    Lift::given([LiftEvent::Started, up(4)]).when(LiftCommand::Ground).then([LiftEvent::Down { by: 4 }]);
}

#[test]
fn what_was_not_declared_is_refused() {
    let say = |what: Vec<LiftEvent>| Lift::given([LiftEvent::Started]).when(LiftCommand::Say { what });
    say(vec![up(1), LiftEvent::Down { by: 1 }])
        .then_rejected(Rejection::Invalid(InvalidDecision::Undeclared { command: "Say", event: "Down" }));
    say(vec![LiftEvent::Stopped, up(1)])
        .then_rejected(Rejection::Invalid(InvalidDecision::AfterEnd { command: "Say", event: "Up" }));
    say(vec![up(1), LiftEvent::Stopped]).then([up(1), LiftEvent::Stopped]);
}

/// The first item opens the cart.
#[derive(Aggregate, Clone, Debug, PartialEq)]
#[aggregate(error = &'static str)]
#[events {
    #[creates]
    Opened { #[audit] by: String },
    Added { item: String },
    #[ends]
    Emptied,
}]
#[commands {
    #[require(state.is_none_or(|cart| cart.items.len() < 2), "full")]
    #[decide({
        let opened = state.is_none().then(|| CartEvent::Opened { by: format!("{id}") });
        Ok((opened, CartEvent::Added { item }))
    })]
    Add { item } => Opened | Added,
    #[decide(Ok(what))]
    Say { what: Vec<CartEvent> } => Opened | Added | Emptied,
    #[decide(Ok(CartEvent::Opened { by }))]
    Open { by: String } => Opened,
}]
pub struct Cart {
    #[id]
    number: u8,
    #[on(Added => self.items.push(item))]
    items: Vec<String>,
    #[on(Emptied = true)]
    emptied: bool,
}

fn opened() -> CartEvent {
    CartEvent::Opened { by: "1".into() }
}

fn added() -> CartEvent {
    CartEvent::Added { item: "pear".into() }
}

#[test]
fn a_command_may_create_or_change() {
    let add = || CartCommand::Add { item: "pear".into() };
    Cart::given([]).when(add()).then([opened(), added()]);
    Cart::given([opened()]).when(add()).then([added()]);
    Cart::given([opened(), added(), added()]).when(add()).then_rejected("full");
    Cart::given([opened(), CartEvent::Emptied]).when(add()).then_rejected(Rejection::Ended);
}

#[test]
fn a_decision_contradicts_neither_creation_nor_end() {
    let invalid = |given: Vec<CartEvent>, what: Vec<CartEvent>, expected: InvalidDecision| {
        Cart::given(given).when(CartCommand::Say { what }).then_rejected(Rejection::Invalid(expected));
    };
    let command = "Say";
    invalid(vec![], vec![added()], InvalidDecision::NotCreated { command, event: "Added" });
    invalid(vec![], vec![opened(), opened()], InvalidDecision::CreatesAgain { command, event: "Opened" });
    invalid(vec![opened()], vec![opened()], InvalidDecision::CreatesAgain { command, event: "Opened" });
    invalid(
        vec![opened()],
        vec![CartEvent::Emptied, CartEvent::Emptied],
        InvalidDecision::AfterEnd { command, event: "Emptied" },
    );
    Cart::given([]).when(CartCommand::Say { what: vec![opened(), added(), CartEvent::Emptied] }).then([
        opened(),
        added(),
        CartEvent::Emptied,
    ]);
    Cart::given([]).when(CartCommand::Say { what: vec![] }).then([]);
}

#[test]
fn a_deciding_command_that_creates_still_wants_no_state() {
    let open = || CartCommand::Open { by: "1".into() };
    Cart::given([]).when(open()).then([opened()]);
    Cart::given([opened()]).when(open()).then_rejected(Rejection::AlreadyExists);
}
