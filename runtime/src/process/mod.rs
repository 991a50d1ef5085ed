//! Processes: what takes several events and some time, and leads to commands.
//!
//! ```text
//!  Process (user code): state + event ─► state + actions       mod.rs, actions.rs
//!    │
//!  Managing: Task        states loaded, commands given,        task.rs
//!    │                   states written with the position
//!  reader::Worker        position, lease, dead letters
//! ```

mod actions;
mod task;

use serde::{Serialize, de::DeserializeOwned};

pub use actions::Actions;
pub(crate) use task::Managing;

use crate::{
    handler::{HandlerError, Source},
    store::Filter,
};

/// A process manager: it follows events, remembers what it needs to, gives commands, and acts when a time has come.
///
/// After a sign-up, the address is to be confirmed within a day, or the user is removed again:
///
/// ```
/// # use std::time::Duration;
/// # use factum::{Aggregate, App, Recorded, handler::HandlerError, process::{Actions, Process}};
/// # #[derive(Aggregate)]
/// # #[events { #[creates] SignedUp { email }, Confirmed, #[ends] Removed }]
/// # #[commands { SignUp => SignedUp, Confirm => Confirmed, Remove => Removed }]
/// # struct User { #[id] number: u64, email: String, #[on(SignedUp = false, Confirmed = true)] confirmed: bool }
/// struct Confirmation;
///
/// impl Process for Confirmation {
///     type Source = User;
///     type State = ();
///     const NAME: &'static str = "confirmation";
///
///     fn key(&self, event: &Recorded<UserEvent>) -> Option<String> {
///         Some(event.stream.id().to_owned())
///     }
///
///     fn begins(&self, event: &Recorded<UserEvent>) -> bool {
///         matches!(event.event, UserEvent::SignedUp { .. })
///     }
///
///     fn react(&self, _: &mut (), event: &Recorded<UserEvent>, actions: &mut Actions) -> Result<(), HandlerError> {
///         match event.event {
///             UserEvent::SignedUp { .. } => actions.after("too late", Duration::from_secs(24 * 60 * 60)),
///             UserEvent::Confirmed | UserEvent::Removed => actions.end(),
///         }
///         Ok(())
///     }
///
///     fn due(&self, key: &str, _: &mut (), _: &str, actions: &mut Actions) -> Result<(), HandlerError> {
///         actions.execute::<User>(&key.parse()?, UserCommand::Remove);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = App::new(factum::open("memory:").await?).process(Confirmation).start().await?;
/// # app.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// # What is promised
///
/// Each event changes the state once: state, deadlines and position are written together. Commands are given before that, and
/// take effect once, however often the event is dealt with, because their keys are made of the name, the position of the event
/// and the number of the command: so [`react`](Self::react) has to lead to the same commands for the same state and event. If
/// another version of the program would give another command at that place, the first one counts.
///
/// A command that the aggregate refuses is no error: the process thought that there was more to do than there is. It is logged
/// at `info`. A store that cannot be reached is tried again for ever; any other error makes the event a dead letter, as with
/// a [`Handler`](crate::handler::Handler).
///
/// A time that has come is noticed within a second or so, also if it came while no process was running. If
/// [`due`](Self::due) fails, it is tried again a minute later.
pub trait Process: Send + Sync + 'static {
    /// Which events it follows: an aggregate, a tuple of two or three, or [`Everything`](crate::handler::Everything).
    type Source: Source;

    /// What it remembers of one process. It begins as the default, and is kept as JSON.
    type State: Default + Serialize + DeserializeOwned + Send + 'static;

    /// The name under which the books are kept. With another one it begins again at the first event.
    const NAME: &'static str;

    /// Narrows down which events are read at all.
    fn filter(&self) -> Filter {
        Self::Source::filter()
    }

    /// Which process the event belongs to, such as the id of an order; none for events that do not matter.
    fn key(&self, event: &<Self::Source as Source>::Event) -> Option<String>;

    /// Whether a process begins with this event where there is none. Without one, other events do not matter.
    fn begins(&self, event: &<Self::Source as Source>::Event) -> bool {
        let _ = event;
        true
    }

    /// What an event means for its process.
    ///
    /// # Errors
    /// What makes the event a dead letter.
    fn react(
        &self,
        state: &mut Self::State,
        event: &<Self::Source as Source>::Event,
        actions: &mut Actions,
    ) -> Result<(), HandlerError>;

    /// What it means that a time has come that was set with [`Actions::after`] or [`Actions::at`] under this name.
    ///
    /// # Errors
    /// What went wrong; it is tried again a minute later.
    fn due(
        &self,
        key: &str,
        state: &mut Self::State,
        deadline: &str,
        actions: &mut Actions,
    ) -> Result<(), HandlerError> {
        let _ = (key, state, deadline, actions);
        Ok(())
    }
}
