//! `#[derive(Id)]` over each kind of type.

use factum::{Aggregate, Id, SampleId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Id, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrderNumber(Uuid);

#[derive(Id, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Small(u32);

#[derive(Id, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Large(u64);

#[derive(Id, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed(i64);

#[derive(Id, Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// An id of a kind, over an id.
#[derive(Id, Clone, Debug, PartialEq, Eq)]
pub struct Customer(pub(crate) Name);

/// Printed and parsed, and checked on the way.
fn round_trip<T: Aggregate>(id: &T::Id) -> T::Id
where
    <T::Id as std::str::FromStr>::Err: std::fmt::Debug,
{
    id.to_string().parse().unwrap()
}

macro_rules! aggregates {
    ($($name:ident($id:ty)),*) => {
        $(
            #[derive(Aggregate, Debug, PartialEq)]
            #[events { #[creates] Made }]
            #[commands { Make => Made }]
            struct $name {
                #[id]
                id: $id,
            }
        )*
    };
}

aggregates! { A(OrderNumber), B(Small), C(Large), D(Signed), E(Name), F(Customer), G(String), H(u64), I(Uuid) }

#[test]
fn new_makes_an_id() {
    let (first, second) = (OrderNumber::new(), OrderNumber::new());
    assert!(first < second, "ids of one process ascend");
    assert_eq!(Small::new(7).to_string(), "7");
    assert_eq!(Large::new(7).to_string(), "7");
    assert_eq!(Signed::new(-7).to_string(), "-7");
    assert_eq!(Name::new("ann").to_string(), "ann");
    assert_eq!(Customer::new(Name::new("ann")).to_string(), "ann");
}

#[test]
fn what_is_printed_is_parsed() {
    let number = OrderNumber::new();
    assert_eq!(round_trip::<A>(&number), number);
    assert_eq!(round_trip::<B>(&Small::new(7)), Small::new(7));
    assert_eq!(round_trip::<C>(&Large::new(u64::MAX)), Large::new(u64::MAX));
    assert_eq!(round_trip::<D>(&Signed::new(-7)), Signed::new(-7));
    assert_eq!(round_trip::<E>(&Name::new("a/b c")), Name::new("a/b c"));
    assert_eq!(round_trip::<F>(&Customer::new(Name::new("x"))), Customer::new(Name::new("x")));
    assert!("x".parse::<Small>().is_err());
}

#[test]
fn ids_convert_to_and_from_what_they_hold() {
    assert_eq!(Large::from(3), Large::new(3));
    assert_eq!(u64::from(Large::new(3)), 3);
    assert_eq!(Name::from("x".to_owned()), Name::new("x"));
    assert_eq!(String::from(Name::new("x")), "x");
    let uuid = Uuid::from_u128(5);
    assert_eq!(Uuid::from(OrderNumber::from(uuid)), uuid);
}

#[test]
fn ids_have_a_sample_for_tests() {
    assert_eq!(OrderNumber::sample(), OrderNumber::sample());
    assert_eq!(Customer::sample(), Customer::new(Name::new("sample")));
    A::given([AEvent::Made]).then_state(&A { id: OrderNumber::sample() });
    F::given([FEvent::Made]).then_state(&F { id: Customer::sample() });
    G::given([GEvent::Made]).then_state(&G { id: "sample".into() });
    H::given([HEvent::Made]).then_state(&H { id: 1 });
    I::given([IEvent::Made]).then_state(&I { id: Uuid::sample() });
}
