//! The files of a crate.

use std::{fs, io, path::Path};

use super::{FOLDER, Lock, Payloads, Unreadable, events_file, payloads_file};

impl Lock {
    /// Reads what the crate in this folder has published of the category; nothing if there is no such file.
    ///
    /// # Errors
    /// The file cannot be read, or is not what it should be. The message names it and says what is wrong.
    pub fn read(crate_folder: &Path, category: &str) -> Result<Option<Self>, String> {
        read(crate_folder, &events_file(category), |text| Self::parse(category, text))
    }
}

impl Payloads {
    /// Reads the golden payloads of the category in the crate in this folder; nothing if there is no such file.
    ///
    /// # Errors
    /// The file cannot be read, or is not what it should be. The message names it and says what is wrong.
    pub fn read(crate_folder: &Path, category: &str) -> Result<Option<Self>, String> {
        read(crate_folder, &payloads_file(category), |text| Self::parse(category, text))
    }
}

fn read<T>(
    crate_folder: &Path,
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, Unreadable>,
) -> Result<Option<T>, String> {
    match fs::read_to_string(crate_folder.join(FOLDER).join(name)) {
        Ok(text) => parse(&text).map(Some).map_err(|error| format!("`{FOLDER}/{name}`, {error}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("`{FOLDER}/{name}` cannot be read: {error}")),
    }
}
