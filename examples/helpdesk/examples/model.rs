//! Writes the documents of the model, `cargo run -p helpdesk --example model`. A test says when they are stale.

fn main() -> std::io::Result<()> {
    factum::document::write::<helpdesk::domain::Incident>(concat!(env!("CARGO_MANIFEST_DIR"), "/model"))
}
