//! The identity of an aggregate.

use std::{fmt::Display, str::FromStr};

use uuid::Uuid;

use super::Aggregate;

/// Anything that can identify an aggregate: a type that can be cloned, printed, and parsed back from what it printed.
///
/// Implemented for every such type; there is nothing to implement. What is printed becomes the id of the stream,
/// so two ids that print alike are one aggregate.
pub trait AggregateId: Clone + Display + FromStr + Send + Sync + 'static {}

impl<T: Clone + Display + FromStr + Send + Sync + 'static> AggregateId for T {}

/// An id type of which a test can have an example without being given one.
///
/// Ids that derive [`Id`](macro@crate::Id) and built-in types have it, so that
/// [`Aggregate::given`](crate::Aggregate::given) needs no id.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no sample value, so `given` does not know which aggregate the events belong to",
    note = "use `given_as(id, events)`, in `laws!` the option `id = …`, or derive `factum::Id` on the id type"
)]
pub trait SampleId: Sized {
    /// The example; the same each time.
    fn sample() -> Self;
}

impl SampleId for Uuid {
    fn sample() -> Self {
        Self::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001)
    }
}

impl SampleId for String {
    fn sample() -> Self {
        "sample".to_owned()
    }
}

macro_rules! sample_integers {
    ($($integer:ty)*) => {
        $(impl SampleId for $integer {
            fn sample() -> Self {
                1
            }
        })*
    };
}

sample_integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

/// A copy of the id for the state.
///
/// In place of a plain `clone` in the generated code, which would report an id that cannot be cloned a second time.
#[inline]
pub fn clone_id<A: Aggregate>(id: &A::Id) -> A::Id {
    id.clone()
}

/// A new id for `derive(Id)`: UUIDs of version 7 ascend with time.
#[must_use]
pub fn new_uuid() -> Uuid {
    Uuid::now_v7()
}
