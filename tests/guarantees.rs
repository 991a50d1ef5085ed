//! The tables of guarantees name tests that are there.
#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::{fs, path::Path};

use factum::testing::contract::{Case, cases, read_cases};

/// How many cases of the suite, and how many other tests, a table names. All of them are there.
fn named(table: &str, suite: &[&str]) -> (usize, usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join("../runtime/docs").join(table)).unwrap();
    let (mut of_the_suite, mut others) = (0, 0);
    for name in
        table.lines().filter(|line| line.starts_with('|')).flat_map(|line| line.split('`').skip(1).step_by(2))
    {
        if let Some((file, test)) = name.split_once(": ") {
            let places = [root.join(format!("{file}.rs")), root.join(format!("../runtime/src/{file}.rs"))];
            let source = places.iter().find_map(|path| fs::read_to_string(path).ok());
            let source = source.unwrap_or_else(|| unnamed(file));
            assert!(source.contains(&format!("fn {test}()")), "{file}.rs has no test `{test}`");
            others += 1;
        } else if name.contains("::") && !name.starts_with("Capabilit") {
            assert!(suite.contains(&name), "the suite has no case `{name}`");
            of_the_suite += 1;
        }
    }
    (of_the_suite, others)
}

#[test]
fn every_test_that_the_table_names_is_there() {
    let suite: Vec<_> = cases().iter().map(Case::name).collect();
    let (suite, others) = named("guarantees.md", &suite);
    assert!(suite >= 20 && others >= 30, "{suite} {others}");
}

#[test]
fn every_test_that_the_table_of_read_stores_names_is_there() {
    let suite: Vec<_> = read_cases().iter().map(Case::name).collect();
    assert!(named("read-stores.md", &suite).0 >= 30);
}

#[test]
fn every_test_that_the_table_of_trouble_names_is_there() {
    assert!(named("trouble.md", &[]).1 >= 15);
}

#[allow(clippy::panic, reason = "it is how a test fails")]
fn unnamed(file: &str) -> String {
    panic!("there is no tests/{file}.rs")
}
