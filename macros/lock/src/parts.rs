//! The fields in a line: what stands between its commas, those within types left alone.

/// Where the text is that has been read.
#[derive(Default)]
struct Reader {
    /// How many brackets, parentheses and braces are open.
    groups: usize,
    /// How many lists of generic arguments are open, outside of all of those. Inside, `<` may as well compare, and no comma
    /// there separates fields.
    generics: usize,
}

impl Reader {
    /// How long the first token of this text is, a text or a letter in quotes as a whole, and whether it separates fields.
    fn token(&mut self, before: &str, text: &str) -> Option<(usize, bool)> {
        let first = text.chars().next()?;
        let length = match first {
            '"' => quoted(before, text),
            '\'' => letter(text),
            _ => first.len_utf8(),
        };
        match first {
            '(' | '[' | '{' => self.groups += 1,
            ')' | ']' | '}' => self.groups = self.groups.saturating_sub(1),
            '<' if self.groups == 0 => self.generics += 1,
            // Not the head of an arrow.
            '>' if self.groups == 0 && !before.ends_with('-') => {
                self.generics = self.generics.saturating_sub(1);
            }
            _ => {}
        }
        Some((length, first == ',' && self.groups == 0 && self.generics == 0))
    }
}

/// The parts, empty ones left out.
pub(crate) fn parts(shape: &str) -> Vec<&str> {
    let (mut parts, mut start, mut next) = (Vec::new(), 0, 0);
    let mut reader = Reader::default();
    while let Some((before, text)) = shape.split_at_checked(next) {
        let Some((length, separates)) = reader.token(before, text) else { break };
        if separates {
            parts.extend(shape.get(start..next));
            start = next + length;
        }
        next += length;
    }
    parts.extend(shape.get(start..));
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// The length of the text that begins here, its quotes included; `before` says whether it is a raw one.
fn quoted(before: &str, text: &str) -> usize {
    let name = before.trim_end_matches('#');
    let (_, hashes) = before.split_at(name.len());
    let mut end = 1;
    if name.ends_with('r') {
        let close = format!("\"{hashes}");
        let inside = text.get(end..).and_then(|inside| inside.find(&close));
        return inside.map_or(text.len(), |inside| end + inside + close.len());
    }
    let mut escaped = false;
    for letter in text.chars().skip(1) {
        end += letter.len_utf8();
        if letter == '"' && !escaped {
            break;
        }
        escaped = letter == '\\' && !escaped;
    }
    end
}

/// The length of the letter in quotes that begins here; of a lifetime, that of its quote.
fn letter(text: &str) -> usize {
    let mut letters = text.char_indices().skip(1);
    match (letters.next(), letters.next()) {
        // The letter behind the backslash may be a quote.
        (Some((_, '\\')), Some((at, escaped))) => {
            let from = at + escaped.len_utf8();
            let rest = text.get(from..).and_then(|rest| rest.find('\''));
            rest.map_or(text.len(), |rest| from + rest + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}
