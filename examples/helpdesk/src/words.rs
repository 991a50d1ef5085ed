//! The domain in words.

use helpdesk::domain::{Incident, IncidentEvent, IncidentNumber, Status, UserNumber};
use uuid::Uuid;

use crate::screen::one_line;

/// How many digits of a number are shown.
pub(crate) const SHORT: usize = 8;

/// A number as it is shown: its last digits. They are random, while the first ones are the time at which it was made
/// and the same for many.
pub(crate) fn short(number: IncidentNumber) -> String {
    last_digits(number, SHORT)
}

/// The last digits of a number.
pub(crate) fn last_digits(number: IncidentNumber, count: usize) -> String {
    let digits = digits(number);
    digits.get(digits.len().saturating_sub(count)..).unwrap_or(&digits).to_owned()
}

/// All digits of a number.
pub(crate) fn digits(number: IncidentNumber) -> String {
    Uuid::from(number).simple().to_string()
}

pub(crate) fn user(number: UserNumber) -> String {
    format!("user {number}")
}

pub(crate) fn anybody(number: Option<UserNumber>) -> String {
    number.map_or_else(|| "nobody".to_owned(), user)
}

pub(crate) fn status(status: Status) -> &'static str {
    match status {
        Status::Open => "open",
        Status::Closed => "closed",
    }
}

/// What happened.
pub(crate) fn event(event: &IncidentEvent) -> String {
    match event {
        IncidentEvent::Reported { reporter, text } => {
            format!("reported by user {reporter}: {}", one_line(text))
        }
        IncidentEvent::TextChanged { text } => format!("text changed: {}", one_line(text)),
        IncidentEvent::Assigned { to, from: None } => format!("assigned to user {to}"),
        IncidentEvent::Assigned { to, from: Some(from) } => {
            format!("assigned to user {to}, before to user {from}")
        }
        IncidentEvent::Closed { solution } => format!("closed: {}", one_line(solution)),
        IncidentEvent::Reopened { reason } => format!("reopened: {}", one_line(reason)),
        IncidentEvent::Removed => "removed".to_owned(),
    }
}

/// The state in one line.
pub(crate) fn state(incident: &Incident) -> String {
    let text = one_line(&incident.text);
    let solution =
        incident.solution.as_deref().map_or_else(String::new, |text| format!(": {}", one_line(text)));
    let edits = match incident.edits {
        0 => String::new(),
        1 => ", edited once".to_owned(),
        2 => ", edited twice".to_owned(),
        n => format!(", edited {n} times"),
    };
    let (status, assignee) = (status(incident.status), anybody(incident.assignee));
    format!("{text} ({status}{solution}, assigned to {assignee}{edits})")
}

/// A number with its thousands apart.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
