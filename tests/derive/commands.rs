//! Guards: the order of `#[require]`, and what it sees.

use factum::Aggregate;

#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    Empty,
    TooLong { length: usize, limit: usize },
    Locked(u32),
    Late,
    NotYours(u64),
}

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[aggregate(error = Refusal)]
#[events {
    #[creates]
    Opened { text },
    Changed { text },
    Locked,
    Tagged { tag: String },
}]
#[commands {
    #[require(!text.is_empty(), Refusal::Empty)]
    #[require(*id < 10, Refusal::NotYours(*id))]
    Open => Opened,

    #[require(self.locks == 0, Refusal::Locked(self.locks))]
    #[require(!text.is_empty(), Refusal::Empty)]
    #[require(text.len() <= self.limit(), Refusal::TooLong { length: text.len(), limit: self.limit() })]
    #[require(ctx.version < 3, Refusal::Late)]
    Change => Changed,

    Lock => Locked,

    // A field that only the guard looks at.
    #[require(key == self.text, Refusal::Empty)]
    #[decide(Ok(DocumentEvent::Locked))]
    LockWith { key: String } => Locked,

    // `?` leaves the handler with the error of the domain.
    #[require(self.check(&tag)?, Refusal::Late)]
    Tag => Tagged,
}]
pub struct Document {
    #[id]
    number: u64,
    text: String,
    #[on(Locked += 1)]
    locks: u32,
    #[on(Tagged => self.tags.push(tag))]
    tags: Vec<String>,
}

impl Document {
    fn limit(&self) -> usize {
        self.text.len() + 3
    }

    fn check(&self, tag: &str) -> Result<bool, Refusal> {
        if tag.is_empty() { Err(Refusal::Empty) } else { Ok(!self.tags.iter().any(|known| known == tag)) }
    }
}

fn opened() -> DocumentEvent {
    DocumentEvent::Opened { text: "abc".into() }
}

fn change(text: &str) -> DocumentCommand {
    DocumentCommand::Change { text: text.into() }
}

#[test]
fn the_first_guard_that_fails_gives_the_error() {
    Document::given([opened(), DocumentEvent::Locked]).when(change("")).then_rejected(Refusal::Locked(1));
    Document::given([opened()]).when(change("")).then_rejected(Refusal::Empty);
}

#[test]
fn guards_and_errors_see_state_id_context_and_fields() {
    Document::given([opened()])
        .when(change("1234567"))
        .then_rejected(Refusal::TooLong { length: 7, limit: 6 });
    let changed = || DocumentEvent::Changed { text: "x".into() };
    Document::given([opened(), changed(), changed()]).when(change("x")).then_rejected(Refusal::Late);
    Document::given([opened(), changed()]).when(change("x")).then([changed()]);
}

#[test]
fn guards_stand_before_creation_too() {
    let open = |text: &str| DocumentCommand::Open { text: text.into() };
    Document::given_as(1, []).when(open("")).then_rejected(Refusal::Empty);
    Document::given_as(11, []).when(open("abc")).then_rejected(Refusal::NotYours(11));
    Document::given_as(1, []).when(open("abc")).then([opened()]);
}

#[test]
fn a_guard_may_look_at_a_field_that_is_not_recorded() {
    let lock = |key: &str| DocumentCommand::LockWith { key: key.into() };
    Document::given([opened()]).when(lock("abc")).then([DocumentEvent::Locked]);
    Document::given([opened()]).when(lock("xyz")).then_rejected(Refusal::Empty);
}

#[test]
fn a_guard_may_fail_by_itself() {
    let tag = |tag: &str| DocumentCommand::Tag { tag: tag.into() };
    let tagged = || DocumentEvent::Tagged { tag: "x".into() };
    Document::given([opened()]).when(tag("")).then_rejected(Refusal::Empty);
    Document::given([opened()]).when(tag("x")).then([tagged()]);
    Document::given([opened(), tagged()]).when(tag("x")).then_rejected(Refusal::Late);
}
