//! `#[on(…)]`: the same as in aggregates, and as data where that can be.

use factum::View;

use crate::{
    domain::{Customer, Order, OrderEvent, OrderNumber, added, noted, number, placed, shipped},
    folder::History,
};

/// Every rule here is data.
#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Order))]
pub struct Totals {
    #[key]
    pub number: OrderNumber,
    #[on(Placed, Moved)]
    pub customer: Customer,
    #[on(Placed = 0, Added += 1, Removed -= 1)]
    pub items: i32,
    #[on(Placed = 0, Added += price)]
    pub price: i64,
    #[on(Placed = 0, Added += u64::from(weight > 1.0))]
    pub heavy: u64,
    #[on(Placed = 0.5, Added += weight * 2.0)]
    pub weight: f64,
    #[on(Placed = None, Shipped = Some(by))]
    pub shipper: Option<String>,
}

/// None here is.
#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Order))]
pub struct Story {
    #[key]
    pub number: OrderNumber,
    #[on(Placed = shop.clone(), Noted += note.trim(), Added = format!("{} {}", self.text, self.count))]
    pub text: String,
    #[on(Placed = Vec::new(), Added => { self.items.push(item.clone()); self.items.sort() }, Removed => self.items.retain(|other| *other != item))]
    pub items: Vec<String>,
    #[on(Placed = 0, Added = self.items.len())]
    pub before: usize,
    #[on(Placed = 0, Added | Removed = self.count + 1)]
    pub count: u32,
    #[on(Placed = vec![shop], Added => self.log.push(format!("{}/{item}", self.items.len())))]
    pub log: Vec<String>,
    /// Below zero a database goes on where the type does not.
    #[on(Placed = 3, Removed -= 1)]
    pub left: u8,
}

#[test]
fn values_are_set_and_added() {
    let mut history = History::default();
    history
        .add::<Order>(&number(1), placed("ann", "here"))
        .add::<Order>(&number(2), placed("bob", "there"))
        .add::<Order>(&number(1), added("pear", 3, 0.25))
        .add::<Order>(&number(1), added("plum", 4, 2.0))
        .add::<Order>(&number(1), OrderEvent::Removed { item: "plum".into() })
        .add::<Order>(&number(2), noted("nothing to this view"))
        .add::<Order>(&number(2), OrderEvent::Moved { customer: Customer::new("eve") })
        .add::<Order>(&number(1), shipped("mail"));
    assert!(!Totals::MODEL.reads_rows);
    let [one, two] = history.typed::<Totals>().try_into().unwrap();
    assert_eq!(
        one,
        Totals {
            number: number(1),
            customer: Customer::new("ann"),
            items: 1,
            price: 7,
            heavy: 1,
            weight: 5.0,
            shipper: Some("mail".into()),
        }
    );
    assert_eq!((two.customer, two.items), (Customer::new("eve"), 0));
}

#[test]
fn right_sides_see_the_row_before_and_statements_run_in_order() {
    let mut history = History::default();
    history
        .add::<Order>(&number(1), placed("ann", "here"))
        .add::<Order>(&number(1), noted(" there  "))
        .add::<Order>(&number(1), added("plum", 3, 0.0))
        .add::<Order>(&number(1), added("apple", 4, 0.0))
        .add::<Order>(&number(1), OrderEvent::Removed { item: "plum".into() });
    assert!(Story::MODEL.reads_rows);
    assert_eq!(
        history.typed::<Story>(),
        [Story {
            number: number(1),
            text: "herethere 0 1".into(),
            items: vec!["apple".into()],
            before: 1,
            count: 3,
            log: vec!["here".into(), "0/plum".into(), "1/apple".into()],
            left: 2,
        }]
    );
}

#[test]
fn a_row_that_is_put_again_is_whole() {
    let mut history = History::default();
    history
        .add::<Order>(&number(1), placed("ann", "here"))
        .add::<Order>(&number(1), added("pear", 3, 0.5))
        .add::<Order>(&number(1), placed("bob", "there"));
    let [row] = history.typed::<Totals>().try_into().unwrap();
    assert_eq!((row.customer, row.items, row.price, row.weight), (Customer::new("bob"), 0, 0, 0.5));
}
