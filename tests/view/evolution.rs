//! Old events: views see what they are today.

use factum::{Aggregate, View, store::StreamId};
use serde::Deserialize;

use crate::folder::History;

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events {
    #[creates]
    #[schema(2)]
    #[renamed(2, from = "Opened")]
    Begun { #[renamed(2, from = "who")] owner },
    #[schema(2)]
    Paid { #[since(2, default = 5)] amount: i64 },
    #[retired]
    #[schema(2)]
    #[upcast(from = 1, with = pay_twice)]
    PaidTwice,
}]
#[commands {
    Begin => Begun,
    Pay => Paid,
}]
pub struct Purse {
    #[id]
    pub number: u64,
    pub owner: String,
    #[on(Paid += amount, PaidTwice = 0)]
    pub balance: i64,
}

#[derive(Deserialize)]
struct Twice {
    amounts: [i64; 2],
}

fn pay_twice(Twice { amounts }: Twice) -> [PurseEvent; 2] {
    amounts.map(|amount| PurseEvent::Paid { amount })
}

#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Purse))]
pub struct Balance {
    #[key]
    pub number: u64,
    #[on(Begun)]
    pub owner: String,
    #[on(Begun = 0, Paid += amount)]
    pub balance: i64,
    #[on(Begun = Vec::new(), Paid => self.payments.push(amount))]
    pub payments: Vec<i64>,
}

#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Purse))]
pub struct Sum {
    #[key]
    pub number: u64,
    #[on(Begun = 0, Paid += amount)]
    pub balance: i64,
}

#[test]
fn an_event_that_has_become_several_changes_a_row_several_times() {
    let purse = || StreamId::of::<Purse>(&1);
    let mut history = History::default();
    history
        .raw(purse(), "Opened", 1, r#"{"who":"ann"}"#)
        .raw(purse(), "Paid", 1, "{}")
        .raw(purse(), "PaidTwice", 1, r#"{"amounts":[2,3]}"#)
        .raw(purse(), "Paid", 2, r#"{"amount":7}"#);
    assert_eq!(
        history.typed::<Balance>(),
        [Balance { number: 1, owner: "ann".into(), balance: 17, payments: vec![5, 2, 3, 7] }]
    );
    assert_eq!(history.typed::<Sum>(), [Sum { number: 1, balance: 17 }]);
    assert_eq!(Balance::changes(&history.events[2]).unwrap().len(), 2);
    assert_eq!(Sum::effects(&history.events[2], 0).unwrap().unwrap().len(), 2);
}
