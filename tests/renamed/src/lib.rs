//! Aggregates in a crate that calls factum by another name, behind a wall of lints.
//!
//! A test in documentation is a function, and an aggregate may stand in one:
//!
//! ```
//! use events::Aggregate;
//!
//! #[derive(Aggregate)]
//! #[aggregate(crate = ::events)]
//! #[events {
//!     #[creates]
//!     Lit { colour },
//! }]
//! #[commands {
//!     Light => Lit,
//! }]
//! pub struct Lamp {
//!     #[id]
//!     number: u32,
//!     colour: String,
//! }
//!
//! macro_rules! told {
//!     ($($tokens:tt)*) => { stringify!($($tokens)*) };
//! }
//! assert!(Lamp!((told) {}).contains("LampEvent"));
//! assert!(renamed::Badge!((told) {}).contains("BadgeEvent"));
//!
//! Lamp::given([])
//!     .when(LampCommand::Light { colour: "red".into() })
//!     .then([LampEvent::Lit { colour: "red".into() }]);
//! ```
#![forbid(unsafe_code)]
#![deny(
    warnings,
    future_incompatible,
    keyword_idents,
    let_underscore,
    missing_docs,
    missing_debug_implementations,
    nonstandard_style,
    refining_impl_trait,
    rust_2018_idioms,
    rust_2021_compatibility,
    rust_2024_compatibility,
    unused,
    unused_qualifications,
    unused_results,
    unreachable_pub,
    redundant_lifetimes,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unused_import_braces,
    unused_lifetimes,
    variant_size_differences,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::cargo,
    clippy::restriction
)]
#![allow(
    clippy::blanket_clippy_restriction_lints,
    clippy::implicit_return,
    clippy::missing_docs_in_private_items,
    clippy::missing_trait_methods,
    clippy::pub_use,
    clippy::question_mark_used,
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::single_call_fn,
    clippy::module_name_repetitions,
    clippy::cargo_common_metadata,
    clippy::multiple_crate_versions,
    clippy::arbitrary_source_item_ordering,
    clippy::std_instead_of_alloc,
    clippy::pub_with_shorthand,
    clippy::field_scoped_visibility_modifiers,
    unused_crate_dependencies,
    reason = "they contradict others, or are about taste or about the package"
)]

pub mod badge;
mod private;
pub mod views;

pub use badge::Badge;

events::locked!(Badge, badge::Pass, badge::Relic, private::Drawer);
