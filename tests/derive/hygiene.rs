//! Generated code means the same wherever it stands and whatever the user has named.

mod macros;
mod names;
mod prelude;
mod shadows;
