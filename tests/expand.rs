//! `FACTUM_EXPAND=Type` prints the expansion, of code that was compiled before too.

#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::{
    env,
    process::{Command, Output},
};

/// `cargo check` of the crate `renamed`, with the variable set to this.
fn check(expand: Option<&str>) -> Output {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["check", "--offline", "--package", "renamed"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    // A folder of its own, so that nobody else's build comes between.
    cargo.env("CARGO_TARGET_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/expand"));
    cargo.env_remove("FACTUM_EXPAND");
    if let Some(name) = expand {
        cargo.env("FACTUM_EXPAND", name);
    }
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// What was printed of expansions.
fn printed(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.find("// the expansion of").map(|start| text[start..].to_owned()).unwrap_or_default()
}

#[test]
fn the_variable_prints_the_expansion_also_of_what_is_cached() {
    assert_eq!(printed(&check(None)), "", "nothing is printed unasked");

    let badge = printed(&check(Some("Badge")));
    assert!(badge.starts_with("// the expansion of `Badge`\n"), "{badge}");
    // As rustfmt lays it out.
    assert!(badge.contains("\npub enum BadgeEvent {\n    #[doc = "), "{badge}");
    assert!(badge.contains("\n        fn apply("), "{badge}");
    assert!(!badge.contains("`Pass`"), "{badge}");

    let number = printed(&check(Some("BadgeNumber")));
    assert!(number.contains("impl ::core::str::FromStr for BadgeNumber {"), "{number}");
    assert!(!number.contains("BadgeEvent"), "{number}");

    // Once, with what the aggregates have answered.
    let worn = printed(&check(Some("Worn")));
    assert_eq!(worn.matches("// the expansion of").count(), 1, "{worn}");
    assert!(worn.contains("impl ::events::view::Row for Worn {"), "{worn}");
    assert!(worn.contains("__FactumEvents1::Used { door,"), "{worn}");
    assert!(!worn.contains("Badge!"), "{worn}");

    assert_eq!(printed(&check(None)), "");
}
