//! The table of guarantees names tests that are there.
#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::{fs, path::Path};

use factum::testing::contract::cases;

#[test]
fn every_test_that_the_table_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join("../runtime/docs/guarantees.md")).unwrap();
    let (mut suite, mut others) = (0, 0);
    for name in
        table.lines().filter(|line| line.starts_with('|')).flat_map(|line| line.split('`').skip(1).step_by(2))
    {
        if let Some((file, test)) = name.split_once(": ") {
            let places = [root.join(format!("{file}.rs")), root.join(format!("../runtime/src/{file}.rs"))];
            let source = places.iter().find_map(|path| fs::read_to_string(path).ok());
            let source = source.unwrap_or_else(|| unnamed(file));
            assert!(source.contains(&format!("fn {test}()")), "{file}.rs has no test `{test}`");
            others += 1;
        } else if name.contains("::") && !name.starts_with("Capabilities") {
            assert!(cases().iter().any(|case| case.name() == name), "the suite has no case `{name}`");
            suite += 1;
        }
    }
    assert!(suite >= 20 && others >= 30, "{suite} {others}");
}

#[allow(clippy::panic, reason = "it is how a test fails")]
fn unnamed(file: &str) -> String {
    panic!("there is no tests/{file}.rs")
}
