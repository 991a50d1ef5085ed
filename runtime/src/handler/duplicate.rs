//! What becomes of duplicates: for unique values that the store does not enforce.

use std::future::Future;

use super::{Delivery, HandlerError};
use crate::{Aggregate, Duplicate};

/// Says what becomes of two aggregates that have a value which is `#[unique(enforce = after)]`, or `view`: the business's own way
/// out, such as a command that takes the value from the second one, or a mail. Given to an app with
/// [`App::on_duplicate`](crate::App::on_duplicate).
///
/// ```
/// # use factum::{Aggregate, App, Duplicate, handler::{Delivery, HandlerError, OnDuplicate}};
/// # use serde::Serialize;
/// #[derive(Aggregate)]
/// #[events { #[creates] SignedUp { email: String }, AddressWithdrawn }]
/// #[commands { SignUp => SignedUp, WithdrawAddress => AddressWithdrawn }]
/// struct User {
///     #[id]
///     number: u64,
///     #[unique(enforce = after)]
///     #[on(SignedUp = Some(email), AddressWithdrawn = None)]
///     email: Option<String>,
/// }
///
/// struct FirstComeFirstServed;
///
/// impl OnDuplicate for FirstComeFirstServed {
///     type Aggregate = User;
///
///     async fn settle(&self, duplicate: &Duplicate, delivery: &Delivery<'_>) -> Result<(), HandlerError> {
///         let second = duplicate.second.parse_id::<User>()?;
///         delivery.execute::<User>(&second, UserCommand::WithdrawAddress).await?;
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = App::new(factum::open("memory:").await?).on_duplicate(FirstComeFirstServed).start().await?;
/// # app.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// # What is promised
///
/// Whoever takes a value that another one holds is found, however close together they were and in whichever process; of three
/// that hold one value, the second and the third, each with the first. Until then both hold it: from the second commit until
/// the command of [`settle`](Self::settle), some milliseconds usually, longer if the reader is behind. A duplicate that is none
/// any more when it is looked at is not told.
///
/// What the table of [`App::unique`](crate::App::unique) cannot take is not seen: as long as an event of an aggregate is a dead
/// letter of the table, others that take the aggregate's value are not found, nor are they later.
///
/// It is a [`Handler`](super::Handler) otherwise: it is told again after an error and after the process died, as long as both
/// hold the value; errors lead to tries and dead letters; what is there from before it was added is looked at too.
pub trait OnDuplicate: Send + Sync + 'static {
    /// Whose values are unique.
    type Aggregate: Aggregate;

    /// Deals with a duplicate.
    ///
    /// Commands that are given through the delivery take effect once. Give the one last that ends the duplicate: if the process
    /// dies behind it, there is nothing to be told any more.
    fn settle(
        &self,
        duplicate: &Duplicate,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<(), HandlerError>> + Send;
}
