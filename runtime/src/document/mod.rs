//! Documents of a model: an event catalogue, diagrams, and a JSON Schema for each event.
//!
//! They are made of [`Aggregate::MODEL`] and never written by hand. A small program writes them into
//! a directory of the project, and a test sees that they are current:
//!
//! ```
//! # use factum::{Aggregate, Id};
//! # #[derive(Aggregate, Debug)]
//! # #[events { #[creates] Opened { customer } }]
//! # #[commands { Open => Opened }]
//! # pub struct Cart {
//! #     #[id]
//! #     pub number: u64,
//! #     pub customer: String,
//! # }
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path();
//! // examples/model.rs, run with `cargo run --example model`
//! factum::document::write::<Cart>(directory)?;
//!
//! // in a test
//! assert_eq!(factum::document::stale::<Cart>(directory)?, [""; 0], "run `cargo run --example model`");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! For an aggregate of the category `cart` there are `cart.md` and, for each event, `cart/Opened.1.json`: the number is the
//! schema version. The diagrams are [Mermaid](https://mermaid.js.org), which most viewers of Markdown draw.

mod catalogue;
mod diagram;
mod schema;
mod types;

use std::{fmt::Write as _, fs, io, path::Path};

pub use catalogue::catalogue;
pub use diagram::{flow, lifecycle};
pub use schema::schema;

use crate::{Aggregate, model::EventModel};

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Document {
    /// Where it belongs, below the directory of the documents, with `/` between its parts.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// All documents of an aggregate: the catalogue, then the schemas in the order of the events.
#[must_use]
pub fn documents<A: Aggregate>() -> Vec<Document> {
    let schemas = A::MODEL.events.iter().map(|event| Document {
        path: schema_path(A::CATEGORY, event),
        text: format!("{:#}\n", schema::<A>(event)),
    });
    let catalogue = Document { path: format!("{}.md", file_name(A::CATEGORY)), text: catalogue(A::MODEL) };
    std::iter::once(catalogue).chain(schemas).collect()
}

/// Writes all documents of an aggregate into this directory, which is made if it is not there. Other files are left
/// alone, such as the schemas of versions that events have no more.
///
/// # Errors
/// A file cannot be written; those before it are.
pub fn write<A: Aggregate>(directory: impl AsRef<Path>) -> io::Result<()> {
    for document in documents::<A>() {
        let path = directory.as_ref().join(&document.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, document.text)?;
    }
    Ok(())
}

/// The paths, below this directory, of the documents of an aggregate that are missing or not what they would be today.
/// Ends of lines do not count.
///
/// # Errors
/// A file is there and cannot be read.
pub fn stale<A: Aggregate>(directory: impl AsRef<Path>) -> io::Result<Vec<String>> {
    let mut stale = Vec::new();
    for document in documents::<A>() {
        match fs::read_to_string(directory.as_ref().join(&document.path)) {
            Ok(text) if text.lines().eq(document.text.lines()) => {}
            Ok(_) => stale.push(document.path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => stale.push(document.path),
            Err(error) => return Err(error),
        }
    }
    Ok(stale)
}

fn schema_path(category: &str, event: &EventModel) -> String {
    format!("{}/{}.{}.json", file_name(category), file_name(event.name), event.schema)
}

/// The name, as a file can have it everywhere: of other characters, each byte becomes `%` and two hexadecimal digits.
fn file_name(name: &str) -> String {
    let mut file = String::new();
    for char in name.chars() {
        if char.is_alphanumeric() || char == '_' || char == '-' {
            file.push(char);
            continue;
        }
        let mut bytes = [0; 4];
        for byte in char.encode_utf8(&mut bytes).bytes() {
            // Writing into a string cannot fail.
            let _ = write!(file, "%{byte:02X}");
        }
    }
    file
}
