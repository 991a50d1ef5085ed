//! What is at a path.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What is at a path: its mode, and the hash of its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub mode: Mode,
    pub object: String,
}

/// A file, an executable file, a symbolic link or a submodule, as git numbers them.
///
/// It is kept as a number, because old repositories hold modes that git writes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Mode(u32);

impl Mode {
    const TYPE: u32 = 0o170_000;
    const LINK: u32 = 0o120_000;
    const SUBMODULE: u32 = 0o160_000;

    /// What git calls an object at a path of this mode.
    #[must_use]
    pub const fn object_type(self) -> &'static str {
        if self.0 & Self::TYPE == Self::SUBMODULE { "commit" } else { "blob" }
    }

    /// What people call it.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self.0 & Self::TYPE {
            Self::SUBMODULE => "submodule",
            Self::LINK => "link",
            _ if self.0 & 0o111 != 0 => "executable",
            _ => "file",
        }
    }
}

/// In octal, as git prints it.
impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06o}", self.0)
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        mode.to_string()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the mode of a file")]
pub struct InvalidMode(String);

impl FromStr for Mode {
    type Err = InvalidMode;

    fn from_str(text: &str) -> Result<Self, InvalidMode> {
        u32::from_str_radix(text, 8).map(Self).map_err(|_| InvalidMode(text.to_owned()))
    }
}

impl TryFrom<String> for Mode {
    type Error = InvalidMode;

    fn try_from(text: String) -> Result<Self, InvalidMode> {
        text.parse()
    }
}
