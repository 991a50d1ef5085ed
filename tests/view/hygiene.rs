//! Views mean the same wherever they stand and whatever the user has named.

use factum::View;

use crate::{
    domain::{Order, OrderEvent, OrderNumber, number, placed},
    folder::History,
};

/// Of an aggregate that comes further down, by its path.
#[derive(View, Clone, Debug, PartialEq)]
#[view(of(self::later::Later), remove_on(later::Later::r#Gone))]
pub struct Early {
    #[key]
    pub r#type: u8,
    #[on(Made = r#fn + before.len() as u32)]
    pub row: u32,
    #[on(Made = self::before())]
    pub recorded_at: String,
}

fn before() -> String {
    "before".into()
}

mod later {
    #[derive(factum::Aggregate, Clone, Debug, PartialEq)]
    #[events {
        #[creates]
        Made { #[audit] r#fn: u32, #[audit] before: String },
        #[ends]
        Gone,
    }]
    #[commands { Make => Made, Go => Gone }]
    pub(super) struct Later {
        #[id]
        number: u8,
    }
}

#[test]
fn raw_names_and_names_like_ours_are_names() {
    let mut history = History::default();
    history.add::<later::Later>(&3, later::LaterEvent::Made { r#fn: 4, before: "abc".into() });
    assert_eq!(history.typed::<Early>(), [Early { r#type: 3, row: 7, recorded_at: "before".into() }]);
    history.add::<later::Later>(&3, later::LaterEvent::Gone);
    assert_eq!(history.typed::<Early>(), []);
}

macro_rules! counter {
    ($name:ident of $aggregate:path, $key:ty, $count:ident: $ty:ty, $event:ident($part:ident) = $value:expr) => {
        #[derive(View, Clone, Debug, PartialEq)]
        #[view(of($aggregate), create_on($event))]
        pub struct $name {
            #[key]
            pub number: $key,
            #[on($event += $value)]
            pub $count: $ty,
            #[on($event = $part.len() as u32)]
            pub length: u32,
        }
    };
}

counter! { Shops of Order, OrderNumber, visits: i32, Placed(shop) = 2 }

#[test]
fn a_macro_may_write_a_view() {
    let mut history = History::default();
    history.add::<Order>(&number(1), placed("ann", "here")).add::<Order>(&number(1), placed("ann", "there"));
    assert_eq!(history.typed::<Shops>(), [Shops { number: number(1), visits: 4, length: 5 }]);
    assert!(!Shops::MODEL.reads_rows, "what a macro puts in is read like what stands there");
}

#[test]
fn a_view_may_stand_in_a_function() {
    use crate::domain::Order as Purchase;

    #[derive(View, Clone, Debug, PartialEq)]
    #[view(of(Purchase))]
    struct Local {
        #[key]
        number: OrderNumber,
        #[on(Purchase::Placed)]
        shop: String,
    }
    let mut history = History::default();
    history.add::<Order>(
        &number(1),
        OrderEvent::Placed { customer: crate::domain::Customer::new("ann"), shop: "here".into() },
    );
    assert_eq!(history.typed::<Local>(), [Local { number: number(1), shop: "here".into() }]);
}

/// Of an aggregate of another crate.
#[derive(View, Clone, Debug, PartialEq)]
#[view(of(renamed::Badge), remove_on(Revoked))]
pub struct Worn {
    #[key]
    pub number: renamed::badge::BadgeNumber,
    #[on(Issued)]
    pub holder: String,
}

#[test]
fn the_aggregate_may_be_of_another_crate() {
    use renamed::badge::{Badge, BadgeEvent, BadgeNumber};

    let mut history = History::default();
    history.add::<Badge>(&BadgeNumber::new(7), BadgeEvent::Issued { holder: "ann".into() });
    assert_eq!(history.typed::<Worn>(), [Worn { number: BadgeNumber::new(7), holder: "ann".into() }]);
}

mod user {
    use ::factum as f;

    pub struct Option;
    pub struct Result;
    pub struct String;
    pub struct Vec;
    pub struct Some;
    pub struct Ok;
    pub struct Box;
    pub struct Change;
    pub struct Row;
    pub struct Field;
    pub struct Values;
    pub struct OrderEvent;
    pub trait Default {}
    pub trait Clone {}
    pub mod core {}
    pub mod std {}
    pub mod factum {}

    #[derive(f::View, ::std::clone::Clone, ::std::fmt::Debug, ::std::cmp::PartialEq)]
    #[view(of(crate::domain::Order), create_on(Added), remove_on(Shipped), crate = f)]
    pub struct Shadowed {
        #[key]
        number: crate::domain::OrderNumber,
        #[on(Added += price)]
        sum: i64,
        #[on(Added => self.items.push(item))]
        items: ::std::vec::Vec<::std::string::String>,
        #[on(Placed = ::std::option::Option::Some(shop))]
        shop: ::std::option::Option<::std::string::String>,
    }
}

#[test]
fn other_things_may_have_the_usual_names() {
    let mut history = History::default();
    history
        .add::<Order>(&number(1), crate::domain::added("pear", 3, 0.0))
        .add::<Order>(&number(1), placed("ann", "here"));
    assert_eq!(history.typed::<user::Shadowed>().len(), 1);
}
