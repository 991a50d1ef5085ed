//! Paths as ids.

use std::{fmt, str::FromStr};

/// A path in the tree, from its top: any bytes but NUL, as git has it.
///
/// Printed, it is text that can be parsed again: what is not UTF-8, control characters and `%` itself become `%` and
/// two hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Vec<u8>);

impl TreePath {
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for TreePath {
    fn from(path: &[u8]) -> Self {
        Self(path.to_vec())
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escape = |f: &mut fmt::Formatter<'_>, bytes: &[u8]| {
            bytes.iter().try_for_each(|byte| write!(f, "%{byte:02X}"))
        };
        for chunk in self.0.utf8_chunks() {
            for char in chunk.valid().chars() {
                if char == '%' || char.is_control() {
                    escape(f, char.encode_utf8(&mut [0; 4]).as_bytes())?;
                } else {
                    fmt::Write::write_char(f, char)?;
                }
            }
            escape(f, chunk.invalid())?;
        }
        Ok(())
    }
}

/// Text in which a `%` is not followed by two hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("in a path, `%` is followed by two hexadecimal digits")]
pub struct InvalidPath;

impl FromStr for TreePath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let mut parts = text.as_bytes().split(|byte| *byte == b'%');
        let mut path = parts.next().unwrap_or_default().to_vec();
        for part in parts {
            let (digits, rest) = part.split_at_checked(2).ok_or(InvalidPath)?;
            let value = |digit: &u8| char::from(*digit).to_digit(16).ok_or(InvalidPath);
            let byte = digits.iter().try_fold(0, |byte, digit| Ok(byte * 16 + value(digit)?))?;
            path.push(u8::try_from(byte).map_err(|_| InvalidPath)?);
            path.extend(rest);
        }
        Ok(Self(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_text_and_back() {
        for (path, text) in [
            (&b"src/lib.rs"[..], "src/lib.rs"),
            ("\u{e4}\u{1f980} \"x\"".as_bytes(), "\u{e4}\u{1f980} \"x\""),
            (b"100%", "100%25"),
            (b"a\nb\x7f", "a%0Ab%7F"),
            (b"\xff\xc3(\xc3", "%FF%C3(%C3"),
        ] {
            let path = TreePath::from(path);
            assert_eq!(path.to_string(), text);
            assert_eq!(text.parse(), Ok(path));
        }
    }

    #[test]
    fn what_was_not_printed_by_a_path_is_refused() {
        for text in ["%", "%4", "a%zz", "%+4", "%\u{e4}"] {
            assert_eq!(text.parse::<TreePath>(), Err(InvalidPath), "{text}");
        }
    }
}
