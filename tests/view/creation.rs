//! When rows come and go.

use factum::{
    View,
    read::Value,
    view::{ProjectError, Row},
};

use crate::{
    domain::{Customer, Order, OrderEvent, OrderNumber, added, noted, number, placed, shipped},
    folder::History,
};

#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Order), create_on(Added, Noted), remove_on(Removed, Order::Shipped))]
pub struct Basket {
    #[key]
    pub number: OrderNumber,
    #[on(Added += price)]
    pub price: i64,
    #[on(Placed = Some(customer))]
    pub customer: Option<Customer>,
    #[on(Placed = shop)]
    pub shop: String,
}

#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Order), create_on(Placed), table = "known_orders")]
pub struct Known {
    #[key]
    pub number: OrderNumber,
}

#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Order), create_on(Added))]
pub struct Largest {
    #[key]
    pub number: OrderNumber,
    #[on(Added = self.price.max(price))]
    pub price: i64,
}

#[test]
fn an_event_for_an_absent_row_is_an_error() {
    let mut history = History::default();
    let error = history.add::<Order>(&number(7), placed("ann", "here")).rows::<Basket>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`Placed` changes the row `7`, which is not there: no event has created it, or it was removed; \
         `#[view(create_on(Placed))]` lets this one create it"
    );
    assert!(
        matches!(error, ProjectError::Absent { event, key } if event == "Placed" && key == [Value::Integer(7)])
    );
}

#[test]
fn create_on_begins_with_defaults() {
    let mut history = History::default();
    history
        .add::<Order>(&number(1), added("pear", 3, 0.5))
        .add::<Order>(&number(1), added("pear", 4, 0.5))
        .add::<Order>(&number(2), noted("created by this alone"))
        .add::<Order>(&number(1), placed("ann", "here"))
        .add::<Order>(&number(2), noted("and it stays as it is"));
    assert_eq!(
        history.typed::<Basket>(),
        [
            Basket { number: number(1), price: 7, customer: Some(Customer::new("ann")), shop: "here".into() },
            Basket { number: number(2), price: 0, customer: None, shop: String::new() },
        ]
    );
    history.add::<Order>(&number(2), added("plum", 5, 1.0));
    assert_eq!(history.typed::<Largest>().iter().map(|row| row.price).collect::<Vec<_>>(), [4, 5]);
}

#[test]
fn remove_on_takes_the_row_away_if_it_is_there() {
    let mut history = History::default();
    history
        .add::<Order>(&number(1), added("pear", 3, 0.5))
        .add::<Order>(&number(2), added("pear", 3, 0.5))
        .add::<Order>(&number(1), OrderEvent::Removed { item: "pear".into() })
        .add::<Order>(&number(1), shipped("mail"));
    assert_eq!(history.typed::<Basket>().len(), 1);
    history.add::<Order>(&number(1), added("plum", 1, 0.5));
    assert_eq!(history.typed::<Basket>()[0].price, 1);
}

#[test]
fn a_row_may_be_nothing_but_its_key() {
    let mut history = History::default();
    history
        .add::<Order>(&number(1), placed("ann", "here"))
        .add::<Order>(&number(1), noted("of no use"))
        .add::<Order>(&number(1), placed("ann", "here"));
    assert_eq!(history.typed::<Known>(), [Known { number: number(1) }]);
    assert_eq!(Known::TABLE, "known_orders");
}

#[test]
fn what_a_view_does_not_use_is_not_even_read() {
    let order = factum::store::StreamId::of::<Order>(&number(1));
    let mut history = History::default();
    history.add::<Order>(&number(1), placed("ann", "here")).raw(order.clone(), "Noted", 1, "no JSON");
    assert_eq!(history.typed::<Known>().len(), 1);

    let error = history.raw(order, "Placed", 1, "no JSON").rows::<Known>().unwrap_err();
    assert!(matches!(error, ProjectError::Decode(_)), "{error}");
}

#[test]
fn events_of_others_are_nothing_and_a_stream_without_an_id_is_an_error() {
    let mut history = History::default();
    history.raw(factum::store::StreamId::new("somebody", "1"), "Placed", 1, "{}");
    assert_eq!(history.typed::<Known>(), []);

    let stream = factum::store::StreamId::new("order", "x");
    let error =
        history.raw(stream, "Placed", 1, r#"{"customer":"ann","shop":"here"}"#).rows::<Known>().unwrap_err();
    assert!(matches!(error, ProjectError::Stream(_)), "{error}");
}

#[test]
fn what_does_not_fit_names_its_column() {
    let values = vec![Value::Integer(1), Value::Text("?".into()), Value::Null, Value::Text(String::new())];
    let error = Basket::from_values(values).unwrap_err();
    assert_eq!(error.to_string(), "column `price`: a whole number was expected, and `?` is there");
    let error = Basket::from_values(vec![Value::Integer(1)]).unwrap_err();
    assert_eq!(error.to_string(), "the row has 1 values for 4 columns");
    let error = Known::key_values(&number(u64::MAX)).unwrap_err();
    assert!(error.to_string().starts_with("column `number`: "), "{error}");
}
