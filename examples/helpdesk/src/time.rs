//! Times as people write them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};

/// A moment, as it is shown. [`parse`] understands it and includes it.
pub(crate) fn show(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// The end of the day, minute, second or fraction of a second that `text` names. So whatever is shown with a time has
/// happened at that time.
pub(crate) fn parse(text: &str) -> Result<DateTime<Utc>, String> {
    let (start, length) = span(text.trim()).ok_or(
        "use a time in UTC such as `2026-11-23`, `2026-11-23 14:30`, `2026-11-23 14:30:59.123` or `2026-11-23T14:30:59Z`",
    )?;
    let last = length - TimeDelta::microseconds(1);
    Ok(start.checked_add_signed(last).unwrap_or(DateTime::<Utc>::MAX_UTC))
}

/// When the time begins and how long it lasts.
fn span(text: &str) -> Option<(DateTime<Utc>, TimeDelta)> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some((time.to_utc(), resolution(text)));
    }
    let text = text.strip_suffix('Z').unwrap_or(text).replace('T', " ");
    if let Ok(time) = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f") {
        return Some((time.and_utc(), resolution(&text)));
    }
    if let Ok(time) = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M") {
        return Some((time.and_utc(), TimeDelta::minutes(1)));
    }
    let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?;
    Some((day.and_hms_opt(0, 0, 0)?.and_utc(), TimeDelta::days(1)))
}

/// A second, or what the last digit of its fraction stands for; a microsecond at least.
fn resolution(text: &str) -> TimeDelta {
    let fraction = text.split_once('.').map_or("", |(_, rest)| rest);
    let digits = fraction.chars().take_while(char::is_ascii_digit).take(6).count();
    TimeDelta::microseconds((digits..6).fold(1, |length, _| length * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_to_its_end() {
        for (text, end) in [
            ("2026-11-23", "2026-11-23T23:59:59.999999Z"),
            ("2026-11-23 14:30", "2026-11-23T14:30:59.999999Z"),
            ("2026-11-23T14:30", "2026-11-23T14:30:59.999999Z"),
            ("2026-11-23 14:30:59", "2026-11-23T14:30:59.999999Z"),
            ("2026-11-23 14:30:59.12", "2026-11-23T14:30:59.129999Z"),
            ("2026-11-23T14:30:59.123456Z", "2026-11-23T14:30:59.123456Z"),
            ("2026-11-23T14:30:59+01:00", "2026-11-23T13:30:59.999999Z"),
        ] {
            assert_eq!(parse(text), Ok(end.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_shown_includes_what_it_is_shown_for() {
        let at = "2026-11-23T14:30:59.123456Z".parse().unwrap();
        assert!(parse(&show(at)).unwrap() >= at);
    }

    #[test]
    fn what_is_no_time_is_refused_with_an_example() {
        for text in ["", "yesterday", "14:30", "2026-13-01", "2026-11-23 25:00"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
