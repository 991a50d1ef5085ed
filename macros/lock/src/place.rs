//! Where the files are, and the variable that lets them be written.

/// The folder, beside the `Cargo.toml` of the crate that declares the aggregates.
pub const FOLDER: &str = "factum.lock";

/// The variable that says what to do about differences.
pub const VARIABLE: &str = "FACTUM_LOCK";

/// Its one value.
pub const UPDATE: &str = "update";

/// What to do about differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are mistakes.
    Check,
    /// They are written down.
    Update,
}

impl Mode {
    /// What this value of [`VARIABLE`] asks for. An empty one asks for nothing.
    ///
    /// # Errors
    /// The value is not known. The message says which is.
    pub fn of(value: Option<&str>) -> Result<Self, String> {
        match value {
            None | Some("") => Ok(Self::Check),
            Some(UPDATE) => Ok(Self::Update),
            Some(other) => Err(format!("`{VARIABLE}` is `{other}`; its only value is `{UPDATE}`")),
        }
    }
}

/// The name of the file with the published events of a category.
#[must_use]
pub fn events_file(category: &str) -> String {
    format!("{}.events", file_stem(category))
}

/// The name of the file with the golden payloads of a category.
#[must_use]
pub fn payloads_file(category: &str) -> String {
    format!("{}.payloads", file_stem(category))
}

/// The category as part of a file name: whatever is no letter, digit, `_` or `-` as in an address (`%2F`).
fn file_stem(category: &str) -> String {
    let mut stem = String::new();
    let mut bytes = [0; 4];
    for letter in category.chars() {
        if letter.is_alphanumeric() || matches!(letter, '_' | '-') {
            stem.push(letter);
        } else {
            for byte in letter.encode_utf8(&mut bytes).bytes() {
                stem.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_cannot_lead_out_of_the_folder() {
        assert_eq!(events_file("help_desk-2"), "help_desk-2.events");
        assert_eq!(events_file("../etc/passwd"), "%2E%2E%2Fetc%2Fpasswd.events");
        assert_eq!(events_file("größe"), "größe.events");
        assert_ne!(payloads_file("a.b"), payloads_file("a%2Eb"));
    }

    #[test]
    fn a_misspelt_value_is_not_taken_for_nothing() {
        assert_eq!(Mode::of(None), Ok(Mode::Check));
        assert_eq!(Mode::of(Some("")), Ok(Mode::Check));
        assert_eq!(Mode::of(Some("update")), Ok(Mode::Update));
        let message = Mode::of(Some("udpate")).unwrap_err();
        assert_eq!(message, "`FACTUM_LOCK` is `udpate`; its only value is `update`");
    }
}
