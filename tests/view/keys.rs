//! Of which row an event speaks.

use factum::{
    View,
    read::Value,
    view::{RecordedUse, Row},
};

use crate::{
    domain::{Customer, Order, OrderEvent, OrderNumber, added, number, placed, shipped},
    folder::History,
};

/// A row for each customer, whoever moves the order.
#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Order), create_on(Placed, Moved))]
pub struct Purchases {
    #[key(Placed | Moved = customer)]
    pub customer: Customer,
    #[on(Placed += 1)]
    pub orders: u32,
    /// The key takes the customer, and so does this.
    #[on(Placed = customer.to_string(), Moved = format!("{customer} by {id}"))]
    pub last: String,
}

/// A row for each order and item.
#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Order), remove_on(Removed))]
pub struct Line {
    #[key(Added | Removed = id)]
    pub order: OrderNumber,
    #[on(Added)]
    pub price: i64,
    #[key(Added | Removed = item)]
    pub item: String,
}

#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Order))]
pub struct Arrival {
    #[key(Placed = recorded.position)]
    pub position: factum::Position,
    #[on(Placed = id)]
    pub order: OrderNumber,
}

#[test]
fn the_key_may_come_from_the_payload() {
    let mut history = History::default();
    history
        .add::<Order>(&number(1), placed("ann", "here"))
        .add::<Order>(&number(2), placed("bob", "here"))
        .add::<Order>(&number(3), placed("ann", "here"))
        .add::<Order>(&number(2), OrderEvent::Moved { customer: Customer::new("eve") });
    let row = |customer: &str, orders, last: &str| Purchases {
        customer: Customer::new(customer),
        orders,
        last: last.into(),
    };
    assert_eq!(
        history.typed::<Purchases>(),
        [row("ann", 2, "ann"), row("bob", 1, "bob"), row("eve", 0, "eve by 2")]
    );
}

#[test]
fn several_fields_may_be_the_key() {
    let mut history = History::default();
    history
        .add::<Order>(&number(1), added("pear", 3, 0.5))
        .add::<Order>(&number(2), added("pear", 4, 0.5))
        .add::<Order>(&number(2), added("plum", 5, 0.5))
        .add::<Order>(&number(2), OrderEvent::Removed { item: "pear".into() })
        .add::<Order>(&number(1), shipped("mail"));
    let line = |order, price, item: &str| Line { order: number(order), price, item: item.into() };
    assert_eq!(history.typed::<Line>(), [line(1, 3, "pear"), line(2, 5, "plum")]);

    assert_eq!(Line::KEY, [0, 2]);
    let key: <Line as Row>::Key = (number(2), "plum".to_owned());
    let values = vec![Value::Integer(2), Value::Text("plum".into())];
    assert_eq!(Line::key_values(&key).unwrap(), values);
    assert_eq!(Line::table().key_of(&line(2, 5, "plum").to_values().unwrap()), values);
    assert_eq!((Line::ORDER.ascending().column(), Line::ITEM.ascending().column()), (0, 2));
}

#[test]
fn a_key_made_of_what_only_the_store_knows_is_computed() {
    assert_eq!(Arrival::MODEL.recorded, RecordedUse::Computed);
}
