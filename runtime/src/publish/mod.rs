//! Publishing: events for other services, on subjects of NATS JetStream, and the other end.
//!
//! A pipe without logic: [`Publisher`] is a [`Handler`](crate::handler::Handler) that sends every event as a
//! [CloudEvent](https://cloudevents.io), and [`Consumer`] calls a [`Receiver`] for each in another service. What events mean
//! is decided where they are recorded and where they are received.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use factum::{App, publish::Publisher, store::Filter};
//!
//! let publisher = Publisher::connect("nats://localhost/public", "https://helpdesk.example.org").await?;
//! let app = App::new(factum::open("sqlite:helpdesk.db").await?)
//!     .handler(publisher.only(Filter::category("incident")))
//!     .start()
//!     .await?;
//! # Ok(())
//! # }
//! ```

mod cloud_event;
mod consumer;
mod publisher;

pub use cloud_event::{CloudEvent, NoCloudEvent};
pub use consumer::{Consumer, Receiver};
pub use publisher::Publisher;
