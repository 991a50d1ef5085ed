//! Text as PostgreSQL can hold it: it has no U+0000.

use std::borrow::Cow;

/// The text with `\0` for U+0000 and `\\` for a backslash.
pub(super) fn encode(text: &str) -> Cow<'_, str> {
    if text.contains(['\0', '\\']) {
        Cow::Owned(text.replace('\\', "\\\\").replace('\0', "\\0"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The text that was encoded; `None` for what `encode` does not give.
pub(super) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('\\') {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        decoded.push(match next {
            '\\' => match rest.next()? {
                '0' => '\0',
                '\\' => '\\',
                _ => return None,
            },
            other => other,
        });
    }
    Some(Cow::Owned(decoded))
}

/// The same of what was sent.
pub(super) fn decode_bytes(sent: &[u8]) -> Option<Cow<'_, str>> {
    decode(std::str::from_utf8(sent).ok()?)
}

/// Whether what was sent is the text itself.
pub(super) fn is_itself(sent: &[u8]) -> bool {
    !sent.contains(&b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        for text in ["", "a", "\0", "\\", "\\0", "\\\\0", "a\0\0\\b", "größe\0"] {
            let encoded = encode(text);
            assert!(!encoded.contains('\0'));
            assert_eq!(decode(&encoded).as_deref(), Some(text));
        }
        assert_eq!(decode("\\"), None);
        assert_eq!(decode("\\a"), None);
    }
}
