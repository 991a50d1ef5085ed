//! The embedded store: events in a SQLite file.
