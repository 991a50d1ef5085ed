//! What the tests make views of.

use factum::{Aggregate, Id};
use serde::{Deserialize, Serialize};

#[derive(Id, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderNumber(u64);

#[derive(Id, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Customer(String);

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events {
    #[creates]
    Placed { customer, #[audit] shop: String },
    Added { item: String, #[audit] price: i64, #[audit] weight: f64 },
    Removed { #[audit] item: String },
    Noted { #[audit] note: String },
    Moved { customer },
    #[ends]
    Shipped { #[audit] by: String },
}]
#[commands {
    Place => Placed,
    Add => Added,
    Remove => Removed,
    Note => Noted,
    Move => Moved,
    Ship => Shipped,
}]
pub struct Order {
    #[id]
    pub number: OrderNumber,
    pub customer: Customer,
    #[on(Added => self.items.push(item))]
    pub items: Vec<String>,
}

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events {
    #[creates]
    Registered { name },
    Renamed { name },
    Noted { #[audit] note: String },
    #[ends]
    Closed,
}]
#[commands {
    Register => Registered,
    Rename => Renamed,
    Note => Noted,
    Close => Closed,
}]
pub struct Account {
    #[id]
    pub customer: Customer,
    pub name: String,
}

pub fn number(number: u64) -> OrderNumber {
    OrderNumber::new(number)
}

pub fn placed(customer: &str, shop: &str) -> OrderEvent {
    OrderEvent::Placed { customer: Customer::new(customer), shop: shop.into() }
}

pub fn added(item: &str, price: i64, weight: f64) -> OrderEvent {
    OrderEvent::Added { item: item.into(), price, weight }
}

pub fn noted(note: &str) -> OrderEvent {
    OrderEvent::Noted { note: note.into() }
}

pub fn shipped(by: &str) -> OrderEvent {
    OrderEvent::Shipped { by: by.into() }
}
