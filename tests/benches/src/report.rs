//! The table, in Markdown.

use std::fmt::Write as _;

use crate::{measure::Sample, measures::Row};

/// The table of all rows.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| store | work | factum | by hand | | share of hand (lowest, highest round) | aim | p50 / p99 | by hand |\n\
         |---|---|--:|--:|---|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let (lowest, highest) = row.spread;
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} {}/s | {} | {:.2} ({lowest:.2}, {highest:.2}) | {} | {} | {} |",
            row.backend,
            row.work,
            thousands(row.ours.rate),
            thousands(row.theirs.rate),
            row.unit,
            row.hand,
            row.ratio(),
            aim(row),
            latencies(&row.ours),
            latencies(&row.theirs),
        );
    }
    table
}

/// One row, for those who watch.
#[must_use]
pub fn line(row: &Row) -> String {
    format!(
        "{}, {}: {} against {} {}/s ({}), {:.2} of it",
        row.backend,
        row.work,
        thousands(row.ours.rate),
        thousands(row.theirs.rate),
        row.unit,
        row.hand,
        row.ratio()
    )
}

fn aim(row: &Row) -> String {
    match row.aim {
        None => String::new(),
        Some(aim) if row.ratio() >= aim => format!("≥ {aim:.2}"),
        Some(aim) => format!("≥ {aim:.2}, **missed**"),
    }
}

/// A whole number, its digits in groups of three.
#[must_use]
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn latencies(sample: &Sample) -> String {
    if sample.p50.is_nan() {
        return String::new();
    }
    format!("{} / {}", time(sample.p50), time(sample.p99))
}

fn time(microseconds: f64) -> String {
    match microseconds {
        short if short < 10.0 => format!("{short:.1} µs"),
        short if short < 1_000.0 => format!("{short:.0} µs"),
        middle if middle < 100_000.0 => format!("{:.1} ms", middle / 1e3),
        long => format!("{:.0} ms", long / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_people_write_them() {
        for (number, shown) in [(0.4, "0"), (999.4, "999"), (1_000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(thousands(number), shown);
        }
        for (microseconds, shown) in
            [(3.26, "3.3 µs"), (120.0, "120 µs"), (1_500.0, "1.5 ms"), (250_000.0, "250 ms")]
        {
            assert_eq!(time(microseconds), shown);
        }
    }
}
