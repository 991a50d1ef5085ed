//! Text of many forms.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use uuid::Uuid;

use super::choices::mix;

const WORDS: [&str; 16] = [
    "apple", "bridge", "cloud", "door", "engine", "forest", "garden", "harbour", "island", "jacket",
    "kettle", "lamp", "mirror", "needle", "orange", "pencil",
];

/// What programs stumble over.
const ODD: [&str; 8] =
    ["", " ", "a \"quoted\" word", "back\\slash", "two\nlines", "größer 10 €", "日本語", "🦀 it's"];

type Form = fn(u64) -> String;

const EMAIL: Form = |e| format!("{}.{}@example.com", word(e), word(e >> 4));
const URL: Form = |e| format!("https://example.com/{}", word(e));
const PHONE: Form = |e| format!("+49301234{:04}", e % 10_000);

/// The forms that types want which read text, the commoner first.
const FORMS: [Form; 36] = [
    |e| Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001 + u128::from(e & 0xffff)).to_string(),
    |e| time(e).to_rfc3339_opts(SecondsFormat::Secs, true),
    |e| time(e).format("%Y-%m-%d").to_string(),
    |e| time(e).format("%Y-%m-%dT%H:%M:%S").to_string(),
    |e| time(e).format("%H:%M:%S").to_string(),
    |e| (e % 100).to_string(),
    |e| format!("{}.{:02}", e % 100, e / 100 % 100),
    EMAIL,
    URL,
    |e| word(e).to_owned(),
    |e| capital(word(e)),
    |e| word(e).to_uppercase(),
    |e| word(e).chars().take(1).collect(),
    |e| word(e).chars().take(2).collect(),
    |e| ["EUR", "USD", "JPY"].get(e as usize % 3).copied().unwrap_or("EUR").to_owned(),
    |e| ["DE", "US", "JP"].get(e as usize % 3).copied().unwrap_or("DE").to_owned(),
    |e| ["en", "de", "ja"].get(e as usize % 3).copied().unwrap_or("en").to_owned(),
    |e| ["en-US", "de-DE", "ja-JP"].get(e as usize % 3).copied().unwrap_or("en-US").to_owned(),
    |e| ["Europe/Berlin", "UTC", "Asia/Tokyo"].get(e as usize % 3).copied().unwrap_or("UTC").to_owned(),
    |e| format!("10.0.{}.{}", e % 256, e / 256 % 256),
    |e| format!("10.0.0.{}/32", e % 256),
    |e| format!("10.0.0.{}:8080", e % 256),
    |e| format!("fd00::{:x}", e & 0xffff),
    |e| format!("[fd00::{:x}]:8080", e & 0xffff),
    |e| format!("{}.example.com", word(e)),
    |e| format!("{}.{}.{}", e % 10, e / 10 % 10, e / 100 % 10),
    PHONE,
    |e| format!("{}-{}", word(e), e % 100),
    |e| format!("{} {}", capital(word(e)), capital(word(e >> 4))),
    |e| format!("P{}D", e % 30 + 1),
    |e| format!("{}s", e % 60 + 1),
    |e| format!("{:016x}", e),
    |e| format!("{e:016x}{e:016x}{e:016x}{e:016x}"),
    |e| format!("#{:06x}", e & 0xff_ffff),
    |e| format!("/{}/{}", word(e), word(e >> 4)),
    |_| String::new(),
];

/// How many texts can be tried at a place: each form twice, as some of a form are refused and others not.
pub(super) const ATTEMPTS: usize = 2 * FORMS.len() + 1;

/// How often a form that is known to be taken is tried before others.
const KNOWN: usize = 4;

/// The form that is tried in this attempt; `None` is what the place sounds like, or anything. `known` is the form that
/// was taken at the place before.
pub(super) const fn form(known: Option<usize>, attempt: usize) -> Option<usize> {
    match (known, attempt) {
        (Some(known), 0..KNOWN) => Some(known),
        (Some(_), _) => Some((attempt - KNOWN) % FORMS.len()),
        (None, 0) => None,
        (None, _) => Some((attempt - 1) % FORMS.len()),
    }
}

/// A text of this form; another one where the form is tried again.
pub(super) fn formed(form: usize, known: Option<usize>, attempt: usize, entropy: u64) -> String {
    let again = if known.is_some() { attempt > 0 } else { attempt > FORMS.len() };
    let which = if again { mix(entropy, attempt as u64) } else { entropy >> 8 };
    FORMS.get(form).map(|form| form(which)).unwrap_or_default()
}

/// A text as the place sounds, or anything.
pub(super) fn any(names: [Option<&str>; 2], tame: bool, entropy: u64) -> String {
    let form = names.into_iter().flatten().find_map(form_of);
    match (form, entropy % 32) {
        (Some(form), _) if tame => form(entropy >> 8),
        (None, _) if tame => names.into_iter().flatten().next().unwrap_or("text").to_owned(),
        (Some(form), 0..28) => form(entropy >> 8),
        (_, 28..30) => ODD.get((entropy >> 8) as usize % ODD.len()).copied().unwrap_or_default().to_owned(),
        (_, 30) => formed((entropy >> 8) as usize % FORMS.len(), None, 0, entropy >> 8),
        (_, 31) => format!("{} ", word(entropy >> 8)).repeat(40),
        _ => word(entropy >> 8).to_owned(),
    }
}

/// The form that text of this name has in most programs.
fn form_of(name: &str) -> Option<Form> {
    const FORMS: [(&str, Form); 4] = [("mail", EMAIL), ("url", URL), ("link", URL), ("phone", PHONE)];
    let name = name.to_lowercase();
    FORMS.iter().find(|(part, _)| name.contains(part)).map(|(_, form)| *form)
}

fn word(entropy: u64) -> &'static str {
    WORDS.get(entropy as usize % WORDS.len()).copied().unwrap_or_default()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A second of the years 2000 to 2031.
fn time(entropy: u64) -> DateTime<Utc> {
    let start = DateTime::from_timestamp_nanos(946_684_800_000_000_000);
    start + Duration::seconds((entropy % 1_000_000_000) as i64)
}
