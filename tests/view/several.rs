//! Views over several aggregates.

use factum::View;

use crate::{
    domain::{Account, AccountEvent, Customer, Order, noted, number, placed, shipped},
    folder::History,
};

#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Order, crate::domain::Account), create_on(Placed), remove_on(Account::Closed, Shipped))]
pub struct Client {
    #[key(Registered | domain::Account::Noted | Closed = id, Placed = customer, Order::Noted | Shipped = Customer::new(recorded.stream.id()))]
    pub customer: Customer,
    #[on(Account::Registered)]
    pub name: String,
    #[on(Registered = 0, Placed += 1)]
    pub orders: u64,
    #[on(Registered = String::new(), Account::Noted | Order::Noted = note)]
    pub note: String,
}

#[test]
fn events_of_several_aggregates_make_one_row() {
    let ann = Customer::new("ann");
    let account = |event| event;
    let mut history = History::default();
    history
        .add::<Account>(&ann, AccountEvent::Registered { name: "Ann".into() })
        .add::<Order>(&number(1), placed("ann", "here"))
        .add::<Order>(&number(2), placed("ann", "here"))
        .add::<Order>(&number(3), placed("bob", "here"))
        .add::<Account>(&ann, account(AccountEvent::Noted { note: "prompt".into() }));
    let client = |customer: &str, name: &str, orders, note: &str| Client {
        customer: Customer::new(customer),
        name: name.into(),
        orders,
        note: note.into(),
    };
    assert_eq!(history.typed::<Client>(), [client("ann", "Ann", 2, "prompt"), client("bob", "", 1, "")]);

    let four = number(4);
    history
        .add::<Account>(&Customer::new("4"), AccountEvent::Registered { name: "Four".into() })
        .add::<Order>(&four, noted("!"))
        .add::<Account>(&ann, AccountEvent::Closed);
    assert_eq!(history.typed::<Client>(), [client("4", "Four", 0, "!"), client("bob", "", 1, "")]);
    history.add::<Order>(&four, shipped("mail"));
    assert_eq!(history.typed::<Client>(), [client("bob", "", 1, "")]);

    let sources: Vec<_> =
        Client::MODEL.sources.iter().map(|source| (source.aggregate, source.category)).collect();
    assert_eq!(sources, [("Order", "order"), ("Account", "account")]);
}
