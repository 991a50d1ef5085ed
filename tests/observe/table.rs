//! The document has everything that there is, and nothing else.

use std::{collections::BTreeMap, fs, path::Path};

use factum::observe::{METRICS, Unit};

use crate::metered::{described, install};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime").join(path)).unwrap()
}

/// The rows of the table under this heading, without its head.
fn table(heading: &str) -> Vec<Vec<String>> {
    let document = read("docs/observe.md");
    let (_, section) = document.split_once(&format!("# {heading}\n")).unwrap();
    let rows = section.lines().skip(1).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    rows.skip(2).map(cells).collect()
}

fn code(names: &[impl AsRef<str>]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_metric_is_in_the_table_and_the_other_way_round() {
    let told: Vec<_> = METRICS
        .iter()
        .map(|metric| {
            let name = code(&[metric.name]);
            vec![name, metric.kind.to_string(), code(metric.labels), metric.description.to_owned()]
        })
        .collect();
    assert_eq!(told, table("Metrics"));
}

/// Units are in the names, as Prometheus wants it, and counters end in `_total`.
#[test]
fn recorders_are_told_units_and_descriptions() {
    install();
    for metric in METRICS {
        let (kind, unit, description) = described(metric.name).unwrap();
        assert_eq!((kind, &*description), (&*metric.kind.to_string(), metric.description));
        let expected = match metric.unit {
            Unit::Seconds => metrics::Unit::Seconds,
            _ => metrics::Unit::Count,
        };
        assert_eq!(unit, Some(expected));
        assert_eq!(metric.name.ends_with("_seconds"), metric.unit == Unit::Seconds, "{}", metric.name);
        assert_eq!(metric.name.ends_with("_total"), kind == "counter", "{}", metric.name);
    }
}

/// The spans of the source with the names of their fields.
fn spans() -> BTreeMap<String, String> {
    let source = read("src/observe/spans.rs");
    let spans = source.split("debug_span!(").skip(1).map(|rest| {
        let (mut depth, mut parts) = (0, vec![String::new()]);
        for character in rest.chars() {
            match character {
                '(' => depth += 1,
                ')' if depth == 0 => break,
                ')' => depth -= 1,
                ',' if depth == 0 => {
                    parts.push(String::new());
                    continue;
                }
                _ => {}
            }
            parts.last_mut().unwrap().push(character);
        }
        let mut parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
        let name = parts.next().unwrap().trim_matches('"').to_owned();
        let fields = parts.map(|field| field.split('=').next().unwrap().trim().trim_start_matches('%'));
        (name, code(&fields.collect::<Vec<_>>()))
    });
    spans.collect()
}

#[test]
fn every_span_is_in_the_table_and_the_other_way_round() {
    let told: BTreeMap<_, _> =
        table("Spans").into_iter().map(|row| (row[0].trim_matches('`').to_owned(), row[1].clone())).collect();
    assert_eq!(told, spans());
    assert_eq!(told.len(), 7);
}
