//! What the language cannot say.

use factum::{
    View,
    store::RecordedEvent,
    view::{Change, ProjectError, RecordedUse, ViewModel},
};

use crate::{
    domain::{Account, Order, number, placed, shipped},
    folder::History,
};

/// An event that concerns two rows.
#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Order, Account), by_hand, epoch = 2)]
pub struct Busy {
    #[key]
    pub who: String,
    #[index]
    pub orders: i64,
}

impl View for Busy {
    const MODEL: &'static ViewModel = &ViewModel { recorded: RecordedUse::None, ..*Self::BY_HAND };

    fn changes(event: &RecordedEvent) -> Result<Vec<Change<Self>>, ProjectError> {
        match event.name.as_str() {
            "Placed" => ["all".to_owned(), event.stream.id().to_owned()]
                .into_iter()
                .map(|who| {
                    let none = Self { who: who.clone(), orders: 0 };
                    Ok(Change::update_or_put(&who, none, |row| row.orders += 1)?)
                })
                .collect(),
            "Shipped" => Ok(vec![
                Change::update(&"all".to_owned(), |row: &mut Self| row.orders -= 1)?,
                Change::remove(&event.stream.id().to_owned())?,
            ]),
            "Noted" => Err(ProjectError::other("it cannot be")),
            _ => Ok(vec![Change::put(&"else".to_owned(), Self { who: "else".into(), orders: 0 })?]),
        }
    }
}

#[test]
fn a_view_may_be_written_by_hand() {
    let mut history = History::default();
    history
        .add::<Order>(&number(1), placed("ann", "here"))
        .add::<Order>(&number(2), placed("ann", "here"))
        .add::<Order>(&number(1), shipped("mail"));
    let rows: Vec<_> = history.typed::<Busy>().into_iter().map(|row| (row.who, row.orders)).collect();
    assert_eq!(rows, [("2".to_owned(), 1), ("all".to_owned(), 1)]);
    assert_eq!(Busy::ORDERS.ascending().column(), 1);
}

#[test]
fn the_derive_says_what_it_knows() {
    let model = Busy::BY_HAND;
    assert_eq!((model.name, model.docs), ("Busy", "An event that concerns two rows."));
    let sources: Vec<_> = model.sources.iter().map(|source| (source.aggregate, source.category)).collect();
    assert_eq!(sources, [("Order", "order"), ("Account", "account")]);
    assert_eq!((model.reads_rows, model.recorded), (true, RecordedUse::Computed));
}
