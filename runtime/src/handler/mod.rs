//! Handlers: what is done when something has happened.
//!
//! ```text
//!  Handler (user code)  ◄─ Source ── events decoded           source.rs
//!    │  Delivery: which event, which attempt, commands         delivery.rs
//!  Handling: Task       streams side by side, each in order    task.rs
//!    │
//!  reader::Worker       position, lease, dead letters
//! ```

mod delivery;
mod duplicate;
mod source;
mod task;

use std::{error::Error, future::Future, time::Duration};

pub use delivery::Delivery;
pub(crate) use delivery::{Cause, give};
pub use duplicate::OnDuplicate;
pub use source::{Everything, OneOf2, OneOf3, Source};
pub(crate) use task::{Handling, with_causes};

use crate::store::Filter;

/// What went wrong in a handler: any error.
pub type HandlerError = Box<dyn Error + Send + Sync>;

/// That something is away which a handler needs, such as a mail server: no fault of the event. An error of this type makes no
/// dead letter: the handler waits and tries again, for ever.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unavailable {
    message: String,
}

impl Unavailable {
    /// This is away, or cannot do it now.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// Does something when something has happened: sends a mail, tells another service, gives a command.
///
/// ```
/// # use factum::{Aggregate, App, Recorded, handler::{Delivery, Handler, HandlerError}};
/// # #[derive(Aggregate)]
/// # #[events { #[creates] SignedUp { email } }]
/// # #[commands { SignUp => SignedUp }]
/// # struct User { #[id] number: u64, email: String }
/// struct WelcomeMail;
///
/// impl Handler for WelcomeMail {
///     type Source = User;
///     const NAME: &'static str = "welcome mail";
///
///     async fn handle(&self, event: &Recorded<UserEvent>, _: &Delivery<'_>) -> Result<(), HandlerError> {
///         let UserEvent::SignedUp { email } = &event.event;
///         println!("welcome, {email}");
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = App::new(factum::open("memory:").await?).handler(WelcomeMail).start().await?;
/// # app.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// # What is promised
///
/// Every event is given, from the first one in the store on, in the order of its stream; events of different streams are given
/// side by side. It is given at least once: again after an error, and after the process died, when what was done since the
/// position was last written is done once more. What must have happened once only is a command given through
/// [`Delivery::execute`].
///
/// An error, a panic and taking [too long](Self::TIME_LIMIT) are the same: the event is tried again, five times within about two
/// seconds, and then it is a dead letter ([`RunningApp::letters`](crate::app::RunningApp::letters)) behind which those of its
/// stream wait; other streams go on. Nothing is skipped. Only what is [`Unavailable`] is waited for, by all streams.
///
/// One process at a time does it; see [`App`](crate::App).
pub trait Handler: Send + Sync + 'static {
    /// Which events it wants: an aggregate, a tuple of two or three of them, or [`Everything`].
    type Source: Source;

    /// The name under which the books are kept. With another one it begins again at the first event.
    const NAME: &'static str;

    /// How long it may take for one event.
    const TIME_LIMIT: Duration = Duration::from_secs(30);

    /// How many streams are worked on side by side.
    const SIDE_BY_SIDE: usize = 8;

    /// The name under which the books of this one are kept, where there may be several of its type.
    fn name(&self) -> &str {
        Self::NAME
    }

    /// Narrows down which events are read at all.
    fn filter(&self) -> Filter {
        Self::Source::filter()
    }

    /// Deals with an event.
    ///
    /// It may be dropped at any point where it waits, when it takes too long or the app is shut down; then it is called again.
    fn handle(
        &self,
        event: &<Self::Source as Source>::Event,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<(), HandlerError>> + Send;
}
