//! Which events somebody wants, and as what.

use std::fmt::Debug;

use crate::{
    Aggregate, DecodeError, Recorded,
    store::{Filter, Name, RecordedEvent},
};

/// Which events a handler or a process gets, and as what: those of an aggregate as [`Recorded`] events of it, those of two or
/// three aggregates (a tuple of them) as [`OneOf2`] or [`OneOf3`], or all of them as they are stored ([`Everything`]).
pub trait Source: 'static {
    /// What is given.
    type Event: Send + Sync;

    /// Which events there are.
    fn filter() -> Filter;

    /// The stored event as what it is today: several where it was split, none where it is of no interest.
    ///
    /// # Errors
    /// It cannot be read.
    fn decode(event: &RecordedEvent) -> Result<Vec<Self::Event>, DecodeError>;
}

impl<A: Aggregate> Source for A
where
    A::Event: Sync,
{
    type Event = Recorded<A::Event>;

    fn filter() -> Filter {
        Filter::category(Name::from_static(A::CATEGORY))
    }

    fn decode(event: &RecordedEvent) -> Result<Vec<Self::Event>, DecodeError> {
        Ok(Recorded::decode_all(event.clone())?.into_iter().collect())
    }
}

/// All events of the store, as they are stored.
#[derive(Clone, Copy, Debug)]
pub struct Everything;

impl Source for Everything {
    type Event = RecordedEvent;

    fn filter() -> Filter {
        Filter::All
    }

    fn decode(event: &RecordedEvent) -> Result<Vec<Self::Event>, DecodeError> {
        Ok(vec![event.clone()])
    }
}

macro_rules! several {
    ($(#[$docs:meta])* $name:ident: $($variant:ident = $index:literal),+) => {
        $(#[$docs])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $name<$($variant),+> {
            $(#[doc = concat!("An event of the ", $index, " aggregate.")] $variant($variant)),+
        }

        impl<$($variant: Aggregate),+> Source for ($($variant,)+)
        where
            $($variant::Event: Sync),+
        {
            type Event = $name<$(Recorded<$variant::Event>),+>;

            fn filter() -> Filter {
                Filter::Categories(vec![$(Name::from_static($variant::CATEGORY)),+])
            }

            fn decode(event: &RecordedEvent) -> Result<Vec<Self::Event>, DecodeError> {
                $(if *event.stream.category() == $variant::CATEGORY {
                    return Ok($variant::decode(event)?.into_iter().map($name::$variant).collect());
                })+
                Ok(Vec::new())
            }
        }
    };
}

several! {
    /// An event of one of two aggregates.
    OneOf2: First = "first", Second = "second"
}

several! {
    /// An event of one of three aggregates.
    OneOf3: First = "first", Second = "second", Third = "third"
}
