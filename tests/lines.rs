//! How many lines of an aggregate are not business.
//!
//! The rule: a line is business if it names something of the domain, be it an event, a command, a field, a type, a rule
//! or a text for people; so is what a method does. What is left is there for the framework or for Rust: imports, derives, `#[aggregate(…)]`,
//! markers that stand alone, and the openings and closings of blocks. Blank lines do not count.

/// What the design allows for an aggregate of this size.
const ALLOWED: usize = 15;

/// The aggregate in the README, from its imports to the end of its `impl`; the ids follow it.
fn sample() -> Vec<&'static str> {
    let code = include_str!("../README.md").split("```rust\n").nth(1).unwrap_or_default();
    let (aggregate, _) = code.split_once("#[derive(Id").unwrap_or_default();
    aggregate.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

fn is_business(line: &str) -> bool {
    let imports = ["use ", "#[derive(", "#[aggregate("].iter().any(|start| line.starts_with(start));
    let markers = ["#[id]", "#[version]", "#[creates]", "#[ends]"].contains(&line);
    let blocks = ["#[events {", "#[commands {", "impl Incident {", "}]", "}"].contains(&line);
    !(imports || markers || blocks)
}

#[test]
fn few_lines_are_not_business() {
    let sample = sample();
    let methods = sample.iter().position(|line| line.starts_with("impl ")).expect("it has a method") + 1;
    let (declared, done) = sample.split_at(methods);
    let last = done.last().expect("the impl is closed");
    let rest: Vec<_> = declared.iter().chain([last]).filter(|line| !is_business(line)).collect();
    println!("{} of {} lines are not business: {rest:#?}", rest.len(), sample.len());
    assert!(sample.len() > 50, "the sample is the whole aggregate");
    assert!(rest.len() <= ALLOWED, "{rest:#?}");
}
