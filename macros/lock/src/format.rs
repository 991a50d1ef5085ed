//! The text of a lock, and reading it.
//!
//! ```text
//! factum.lock 1
//! category incident
//!
//! event Assigned 1 { from: Option<UserNumber>, to: UserNumber }
//! event Closed 1 { solution: String }
//! ```
//!
//! The golden payloads stand in a file of the same form, with JSON in the braces and any number of lines for a version:
//!
//! ```text
//! event Closed 1 {"solution":"solution"}
//! ```
//!
//! One event version is one line, which says everything about it, so that a merge never tears one apart: where two branches
//! add events, keeping all lines of both is right, in whatever order that leaves. What else stands there is refused: a line
//! that is passed over could be the one that matters.

use std::{collections::BTreeMap, fmt};

use super::{Fields, Lock, Payloads, Shape, parts::parts};

/// The format that this version writes and reads.
pub const FORMAT: u32 = 1;

const MARKERS: &[&str] = &["<<<<<<<", "|||||||", "=======", ">>>>>>>"];

/// A file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The line, from 1 on.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A conflict of branches that nobody has resolved.
    Conflict,
    /// It does not begin as a lock does.
    NoLock,
    /// It is of another format than this version knows.
    Format(String),
    /// It does not say of which category it is.
    NoCategory,
    /// It is of another category than that of the file's name.
    Category(String),
    /// A line that means nothing.
    Line(String),
    /// An event version that stands there already.
    EventTwice {
        /// Its stored name.
        name: String,
        /// Its schema version.
        schema: u32,
        /// The line where it stands first.
        first: usize,
    },
    /// A field that stands there already.
    FieldTwice(String),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.problem {
            Problem::Conflict => f.write_str(
                "a merge conflict is left here; keep the events of both sides, in any order, and remove the lines that git added",
            ),
            Problem::NoLock => write!(f, "no lock begins like this, but with `factum.lock {FORMAT}`; restore the file"),
            Problem::Format(format) => write!(
                f,
                "it is of format `{format}`, and this version of factum knows format {FORMAT}: was it written by a newer one?"
            ),
            Problem::NoCategory => f.write_str("`category …` belongs here; restore the file"),
            Problem::Category(category) => {
                write!(f, "these are the events of the category `{category}`; restore the file, or remove it if that category is gone")
            }
            Problem::Line(line) => write!(
                f,
                "`{line}` is no event as it should be written (`event Closed 1 {{ solution: String }}`): was it written by a newer version of factum?"
            ),
            Problem::EventTwice { name, schema, first } => write!(
                f,
                "schema {schema} of `{name}` stands in line {first} already; keep the one that was published, and if both were, give one of them a new schema version"
            ),
            Problem::FieldTwice(field) => write!(f, "the field `{field}` stands here twice; keep the published one"),
        }
    }
}

impl std::error::Error for Unreadable {}

impl Lock {
    /// Reads the lock of this category.
    ///
    /// # Errors
    /// The first line that is not what it should be.
    pub fn parse(category: &str, text: &str) -> Result<Self, Unreadable> {
        let mut lock = Self::new(category);
        let mut begun = BTreeMap::new();
        for line in event_lines(category, text) {
            let Line { number, text, name, schema, content } = line?;
            let at = |problem| Unreadable { line: number, problem };
            let fields = match content.strip_suffix('}').and_then(fields) {
                Some(Ok(fields)) => fields,
                Some(Err(twice)) => return Err(at(Problem::FieldTwice(twice))),
                None => return Err(at(Problem::Line(text.to_owned()))),
            };
            let key = (name, schema);
            match begun.get(&key) {
                // Both sides of a merge published the same.
                Some(_) if lock.events.get(&key) == Some(&fields) => {}
                Some(first) => {
                    return Err(at(Problem::EventTwice { name: key.0, schema, first: *first }));
                }
                None => {
                    begun.insert(key.clone(), number);
                    lock.events.insert(key, fields);
                }
            }
        }
        Ok(lock)
    }
}

impl Payloads {
    /// Reads the golden payloads of this category. Whether they are JSON is not looked at.
    ///
    /// # Errors
    /// The first line that is not what it should be.
    pub fn parse(category: &str, text: &str) -> Result<Self, Unreadable> {
        let mut payloads = Self::new(category);
        for line in event_lines(category, text) {
            let Line { name, schema, content, .. } = line?;
            payloads.add(&name, schema, format!("{{{content}"));
        }
        Ok(payloads)
    }
}

/// `event Name 1 {…}`
struct Line<'a> {
    number: usize,
    text: &'a str,
    name: String,
    schema: u32,
    /// What comes after the opening brace.
    content: &'a str,
}

/// The lines after the head, which is looked at first.
fn event_lines<'a>(
    category: &str,
    text: &'a str,
) -> impl Iterator<Item = Result<Line<'a>, Unreadable>> + use<'a> {
    let mut lines = text.lines().map(str::trim_end).zip(1..);
    let wrong = head(category, text, &mut lines).err();
    let events = lines.filter(|(text, _)| !text.is_empty()).map(|(text, number)| {
        let unknown = || Unreadable { line: number, problem: Problem::Line(text.to_owned()) };
        let (name, schema, content) = event_line(text).ok_or_else(unknown)?;
        Ok(Line { number, text, name, schema, content })
    });
    wrong.map(Err).into_iter().chain(events)
}

fn head<'a>(
    category: &str,
    text: &str,
    lines: &mut impl Iterator<Item = (&'a str, usize)>,
) -> Result<(), Unreadable> {
    let at = |line: usize, problem| Err(Unreadable { line, problem });
    if let Some(index) = text.lines().position(is_marker) {
        return at(index + 1, Problem::Conflict);
    }
    let first = lines.next().and_then(|(line, _)| line.strip_prefix("factum.lock "));
    match first.map(|format| (format, format.parse())) {
        None => return at(1, Problem::NoLock),
        Some((_, Ok(FORMAT))) => {}
        Some((format, _)) => return at(1, Problem::Format(format.to_owned())),
    }
    match lines.next().and_then(|(line, _)| line.strip_prefix("category ")).map(unescaped) {
        Some(found) if found == category => Ok(()),
        Some(found) => at(2, Problem::Category(found)),
        None => at(2, Problem::NoCategory),
    }
}

/// Whether git left this line behind.
fn is_marker(line: &str) -> bool {
    MARKERS.iter().any(|marker| {
        line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\r']))
    })
}

/// The name, which may have spaces in it, the schema version, and what comes after the brace.
fn event_line(line: &str) -> Option<(String, u32, &str)> {
    let (head, shape) = line.strip_prefix("event ")?.split_once(" {")?;
    let (name, schema) = head.rsplit_once(' ')?;
    let schema = schema.parse().ok().filter(|schema| *schema > 0)?;
    Some((unescaped(name), schema, shape))
}

/// The fields in the braces, or the name of one that is there twice.
fn fields(shape: &str) -> Option<Result<Fields, String>> {
    let mut fields = Fields::new();
    for field in parts(shape) {
        let (name, ty) = field.trim().split_once(": ")?;
        let name = unescaped(name);
        if fields.insert(name.clone(), ty.to_owned()).is_some() {
            return Some(Err(name));
        }
    }
    Some(Ok(fields))
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_head(f, &self.category)?;
        for ((name, schema), fields) in &self.events {
            writeln!(f, "event {} {schema} {}", escaped(name), Shape(fields))?;
        }
        Ok(())
    }
}

impl fmt::Display for Payloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_head(f, &self.category)?;
        for ((name, schema), payloads) in &self.events {
            for payload in payloads {
                writeln!(f, "event {} {schema} {payload}", escaped(name))?;
            }
        }
        Ok(())
    }
}

fn write_head(f: &mut fmt::Formatter<'_>, category: &str) -> fmt::Result {
    writeln!(f, "factum.lock {FORMAT}\ncategory {}\n", escaped(category))
}

/// In one line, without braces, and with no space at its end that an editor would remove.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    let last = text.chars().count().saturating_sub(1);
    for (index, letter) in text.chars().enumerate() {
        if matches!(letter, '\\' | '{' | '}')
            || letter.is_control()
            || (index == last && letter.is_whitespace())
        {
            escaped.extend(letter.escape_unicode());
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// A member of a payload, without what would end it.
pub(crate) fn escaped_member(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        if letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '$' | '@') {
            escaped.push(letter);
        } else {
            escaped.extend(letter.escape_unicode());
        }
    }
    escaped
}

/// A type in one line. Only a text in it has a line break, and there it is the same text with this escape.
pub(crate) fn escaped_type(text: &str) -> String {
    let letter = |letter: char| {
        if letter.is_control() { letter.escape_unicode().to_string() } else { letter.to_string() }
    };
    text.chars().map(letter).collect()
}

/// The inverse. What is no escape stays as it is.
fn unescaped(text: &str) -> String {
    let mut parts = text.split("\\u{");
    let mut unescaped = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.split_once('}').and_then(|(code, rest)| {
            Some((u32::from_str_radix(code, 16).ok().and_then(char::from_u32)?, rest))
        });
        match code {
            Some((letter, rest)) => {
                unescaped.push(letter);
                unescaped.push_str(rest);
            }
            None => {
                unescaped.push_str("\\u{");
                unescaped.push_str(part);
            }
        }
    }
    unescaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Past};

    fn event(name: &str, schema: u32, fields: &[(&str, &str)]) -> Event {
        let fields = fields.iter().map(|(name, ty)| ((*name).to_owned(), (*ty).to_owned())).collect();
        Event { name: name.to_owned(), schema, fields, past: Past::default() }
    }

    #[test]
    fn it_is_sorted_and_reads_as_it_was_written() {
        let text = "factum.lock 1\ncategory incident\n\n\
            event Assigned 1 { from: Option<UserNumber>, to: UserNumber }\n\
            event Assigned 2 { to: UserNumber }\n\
            event Removed 1 {}\n";
        let lock = Lock::parse("incident", text).unwrap();
        assert_eq!(lock.to_string(), text);
        let declared = [
            event("Removed", 1, &[]),
            event("Assigned", 1, &[("to", "UserNumber"), ("from", "Option<UserNumber>")]),
        ];
        let first = Lock::new("incident").updated(&declared);
        let both = first.updated(&[event("Assigned", 2, &[("to", "UserNumber")]), event("Removed", 1, &[])]);
        assert_eq!(both, lock);
    }

    #[test]
    fn whatever_names_and_types_there_are() {
        let declared = [
            event(
                "closed for good",
                1,
                &[("a", "HashMap<Id, (u8, [u8; 4])>"), ("b", "fn(u8) -> Vec<u8>"), ("c", "u8")],
            ),
            event("a 1 { b: C }\n", 7, &[("größe", "text!(\"a, b > {\\\" c\")"), ("x, y: {", "Kind<{ N }>")]),
            event(" \\u{41} ", 2, &[]),
            event(
                "of letters and texts",
                1,
                &[
                    ("a", "Kind<'<'>"),
                    ("b", "Kind<'\"'>"),
                    ("c", "Kind<'>', ')'>"),
                    ("d", "Kind<'\\'', b'\\u{3e}'>"),
                    ("e", "Kind<{ N > 3 }>"),
                    ("f", "Kind<{ N << 3 }>"),
                    ("g", "Cow<'a, 'static>"),
                    ("h", "text!(\"a, \\\\\")"),
                    ("i", "text!(r\"a\\\", r#\"b\", \"#)"),
                    ("j", "dyn Fn(u8, u8) -> Vec<u8>"),
                    ("k", "u8"),
                ],
            ),
        ];
        let lock = Lock::new("a\nb {").updated(&declared);
        let text = lock.to_string();
        assert_eq!(Lock::parse("a\nb {", &text).as_ref(), Ok(&lock), "{text}");
        assert_eq!(text.lines().count(), 7, "{text}");
        assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
        assert_eq!(Lock::parse("a\nb {", &text.replace('\n', "\r\n")), Ok(lock));
    }

    #[test]
    fn both_sides_of_a_merge_are_kept_as_they_are() {
        let merged = "factum.lock 1\ncategory incident\nevent C 1 {}\nevent B 1 { a: u8 }\n\nevent A 1 {}\nevent B 1 { a: u8 }\n";
        let lock = Lock::parse("incident", merged).unwrap();
        let names: Vec<_> = lock.events().map(|event| event.name).collect();
        assert_eq!(names, ["A", "B", "C"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let head = "factum.lock 1\ncategory incident\n\n";
        let conflict =
            format!("{head}<<<<<<< HEAD\nevent A 1 {{}}\n=======\nevent B 1 {{}}\n>>>>>>> other\n");
        let cases = [
            ("", "line 1: no lock begins like this, but with `factum.lock 1`; restore the file"),
            ("{}", "line 1: no lock begins like this, but with `factum.lock 1`; restore the file"),
            (
                "factum.lock 2\nsomething new",
                "line 1: it is of format `2`, and this version of factum knows format 1: was it written by a newer one?",
            ),
            ("factum.lock 1\n", "line 2: `category …` belongs here; restore the file"),
            (
                "factum.lock 1\ncategory order\n",
                "line 2: these are the events of the category `order`; restore the file, or remove it if that category is gone",
            ),
            (
                &conflict,
                "line 4: a merge conflict is left here; keep the events of both sides, in any order, and remove the lines that git added",
            ),
            (
                &format!("{head}event A 1 {{}}\nretention 3 years\n"),
                "line 5: `retention 3 years` is no event as it should be written (`event Closed 1 { solution: String }`): was it written by a newer version of factum?",
            ),
            (
                &format!("{head}event A 1 {{ a: u8, b }}\n"),
                "line 4: `event A 1 { a: u8, b }` is no event as it should be written (`event Closed 1 { solution: String }`): was it written by a newer version of factum?",
            ),
            (
                &format!("{head}event A 1 {{}}\nevent B 1 {{}}\nevent A 1 {{ a: u8 }}\n"),
                "line 6: schema 1 of `A` stands in line 4 already; keep the one that was published, and if both were, give one of them a new schema version",
            ),
            (
                &format!("{head}event A 1 {{ a: u8, a: u8 }}\n"),
                "line 4: the field `a` stands here twice; keep the published one",
            ),
        ];
        for (text, message) in cases {
            assert_eq!(Lock::parse("incident", text).unwrap_err().to_string(), message, "{text}");
        }
    }

    #[test]
    fn payloads_are_lines_of_json() {
        let text = "factum.lock 1\ncategory incident\n\nevent Closed 1 {\"solution\":\"{ a }\"}\nevent Closed 1 {}\nevent Removed 2 {}\n";
        let payloads = Payloads::parse("incident", text).unwrap();
        assert_eq!(payloads.to_string(), text);
        let all: Vec<_> = payloads.of("Closed", 1).collect();
        assert_eq!(all, ["{\"solution\":\"{ a }\"}", "{}"]);
        assert!(
            Payloads::parse("incident", "factum.lock 1\ncategory incident\nevent Closed 1 null").is_err()
        );
    }

    #[test]
    fn what_is_torn_is_refused_or_read_and_no_more() {
        let declared =
            [event("Assigned", 12, &[("from", "Option<(A, B)>"), ("to", "größe")]), event("B", 1, &[])];
        let text = Lock::new("incident").updated(&declared).to_string();
        for (index, letter) in text.char_indices() {
            let _ = Lock::parse("incident", &text[..index]);
            let _ = Lock::parse("incident", &text[index..]);
            let without = format!("{}{}", &text[..index], &text[index + letter.len_utf8()..]);
            let _ = Lock::parse("incident", &without);
            let _ = Lock::parse("incident", &text.replace(letter, ""));
        }
    }
}
