//! Users who sign up, and tallies of what was done.

use std::sync::Arc;

use factum::{Aggregate, Repository, Store};
use serde::{Deserialize, Serialize};

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[aggregate(error = &'static str)]
#[events {
    #[creates]
    SignedUp { email },
    Confirmed,
    Renamed { email },
    #[ends]
    Removed,
}]
#[commands {
    SignUp => SignedUp,
    #[require(!self.confirmed, "confirmed already")]
    Confirm => Confirmed,
    Rename => Renamed,
    #[require(!self.confirmed, "it is confirmed")]
    Remove => Removed,
}]
pub struct User {
    #[id]
    pub number: u64,
    pub email: String,
    #[on(SignedUp = false, Confirmed = true)]
    pub confirmed: bool,
}

/// What was done for somebody, once for each time that it was.
#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events { #[creates] Begun { #[audit] why: String }, Counted { what: String } }]
#[commands {
    #[decide({
        let begun = state.is_none().then(|| TallyEvent::Begun { why: what.clone() });
        let counted = TallyEvent::Counted { what };
        Ok(begun.into_iter().chain([counted]).collect::<Vec<_>>())
    })]
    Count { what: String } => Begun | Counted,
}]
pub struct Tally {
    #[id]
    pub number: u64,
    #[on(Counted => self.done.push(what))]
    pub done: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Nothing;

pub fn sign_up(email: &str) -> UserCommand {
    UserCommand::SignUp { email: email.to_owned() }
}

pub async fn sign_up_many(store: &Arc<dyn Store>, numbers: impl IntoIterator<Item = u64>) {
    let users = Repository::<User>::new(Arc::clone(store));
    for number in numbers {
        users.execute(&number, sign_up(&format!("{number}@example.org"))).await.unwrap();
    }
}

pub async fn done(store: &Arc<dyn Store>, number: u64) -> Vec<String> {
    let tallies = Repository::<Tally>::new(Arc::clone(store));
    tallies.load(&number).await.unwrap().map_or_else(Vec::new, |tally| tally.done.clone())
}
