//! The files are others than were written.

use std::{fs, process::Command};

use factum::testing::lock::{Category, check};
use tempfile::TempDir;

use super::{
    crates::{Crate, EVENTS},
    samples::{
        basket, basket_with_more, both_events_added, event_added, event_added_elsewhere, published, strict,
        variant_renamed,
    },
};

#[test]
fn files_that_cannot_be_read_are_left_as_they_are() {
    for (name, text, message) in [
        (
            "account.events",
            "factum.lock 1\ncategory account\n\n<<<<<<< HEAD\nevent Paid 1 {}\n=======\n>>>>>>> other\n",
            "account: `factum.lock/account.events`, line 4: a merge conflict is left here; keep the events of both sides, in any order, and remove the lines that git added",
        ),
        (
            "account.payloads",
            "factum.lock 2\n",
            "account: `factum.lock/account.payloads`, line 1: it is of format `2`, and this version of factum knows format 1: was it written by a newer one?",
        ),
        (
            "account.payloads",
            "factum.lock 1\ncategory account\n\nevent Paid {}\n",
            "account: `factum.lock/account.payloads`, line 4: `event Paid {}` is no event as it should be written (`event Closed 1 { solution: String }`): was it written by a newer version of factum?",
        ),
    ] {
        let krate = Crate::published();
        fs::write(krate.path(name), text).unwrap();
        for result in [krate.check::<published::Account>(), krate.update::<published::Account>()] {
            assert_eq!(result.unwrap_err().problems, [message]);
            assert_eq!(fs::read_to_string(krate.path(name)).unwrap(), text);
        }
    }
    let krate = Crate::published();
    let torn = krate.payloads().replace("\"Cash\"}", "\"Cash\"");
    fs::write(krate.path("account.payloads"), torn).unwrap();
    let problems = krate.problems::<published::Account>();
    assert!(problems[0].contains("{\"by\":\"Cash\": cannot decode the stored event `Paid`"), "{problems:?}");
}

/// What git makes of two branches of a file.
fn merged(base: &str, ours: &str, theirs: &str) -> String {
    let folder = TempDir::new().unwrap();
    for (name, text) in [("base", base), ("ours", ours), ("theirs", theirs)] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let merged = Command::new("git")
        .args(["merge-file", "-p", "ours", "base", "theirs"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    String::from_utf8(merged.stdout).unwrap()
}

/// Both sides of it, as somebody keeps them who is told to keep all.
fn all_lines(merged: &str) -> String {
    merged.lines().filter(|line| !line.starts_with(['<', '=', '>'])).map(|line| format!("{line}\n")).collect()
}

#[test]
fn branches_that_both_add_events_merge() {
    let krate = Crate::published();
    let merge = |ours: &str, theirs: &str| merged(EVENTS, ours, theirs);
    let frozen = EVENTS.replace("event Opened", "event Frozen 1 { until: String }\nevent Opened");

    // In different places, git needs nobody.
    let merged = merge(&frozen, &format!("{EVENTS}event Thawed 1 {{ until: String }}\n"));
    assert!(!merged.contains("<<<<<<<"), "{merged}");

    // In the same place, each line of both is whole: who keeps them all has merged them.
    let other = EVENTS.replace("event Opened", "event Lent 1 { until: String }\nevent Opened");
    let merged = merge(&other, &frozen);
    assert!(merged.contains("<<<<<<<"), "{merged}");
    fs::write(krate.path("account.events"), all_lines(&merged)).unwrap();
    let found = krate.check::<event_added::Account>().unwrap_err();
    assert_eq!(found.unpublished, ["account: `Frozen` (schema 1) has no payload"]);
    assert!(found.problems[0].contains("`Lent` was published and is not declared any more"), "{found}");
}

#[test]
fn what_declares_the_events_of_both_branches_agrees_with_what_was_merged() {
    let (base, ours, theirs) = (Crate::published(), Crate::published(), Crate::published());
    assert_eq!(ours.update::<event_added_elsewhere::Account>(), Ok(vec![]));
    assert_eq!(theirs.update::<event_added::Account>(), Ok(vec![]));
    let payloads = merged(&base.payloads(), &ours.payloads(), &theirs.payloads());
    // They are in the same place, so somebody has to look at it.
    assert!(payloads.contains("<<<<<<<"), "{payloads}");
    let events = merged(&base.events(), &ours.events(), &theirs.events());
    fs::write(base.path("account.payloads"), all_lines(&payloads)).unwrap();
    fs::write(base.path("account.events"), all_lines(&events)).unwrap();
    assert_eq!(base.check::<both_events_added::Account>(), Ok(vec![]));
    // What an update writes then is the same in its own order.
    assert_eq!(base.update::<both_events_added::Account>(), Ok(vec![]));
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(ToOwned::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&base.payloads()), sorted(&all_lines(&payloads)));
    assert_eq!(sorted(&base.events()), sorted(&all_lines(&events)));
}

/// Lists may be empty, and the keys of a map are values.
#[test]
fn payloads_may_be_edited_by_hand() {
    let krate = Crate::new();
    assert_eq!(krate.update::<basket::Basket>(), Ok(vec![]));
    let edit = |payload: &str| {
        let text = format!("factum.lock 1\ncategory basket\n\nevent Packed 1 {payload}\n");
        fs::write(krate.path("basket.payloads"), text).unwrap();
    };
    let one = r#"{"article":"Emma"}"#;
    for payload in [
        r#"{"tags":{"red":1},"lines":[],"days":{},"gift":null}"#.to_owned(),
        format!(r#"{{"tags":{{}},"lines":[{one},{one}],"days":{{"7":[{one}],"9":[]}},"gift":{one}}}"#),
    ] {
        edit(&payload);
        assert_eq!(krate.check::<basket::Basket>(), Ok(vec![]), "{payload}");
        assert_eq!(krate.update::<basket::Basket>(), Ok(vec![]), "{payload}");
        assert!(krate.read("basket.payloads").ends_with(&format!("\nevent Packed 1 {payload}\n")));
    }
    // What is in them counts all the same.
    let problems = krate.problems::<basket_with_more::Basket>();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let new = "it carries `days[][].count`, `gift.count`, `lines[].count`, which was not there";
    assert!(problems[0].contains(new), "{problems:?}");
    // Where nothing is in any of them, nothing is known of it.
    edit(&format!(r#"{{"tags":{{}},"lines":[],"days":{{"7":[]}},"gift":{one}}}"#));
    let problems = krate.problems::<basket_with_more::Basket>();
    assert!(problems[0].contains("it carries `gift.count`, which was not there"), "{problems:?}");
}

#[test]
fn a_folder_that_cannot_be_read_is_told() {
    let krate = Crate::new();
    fs::write(krate.0.path().join("factum.lock"), "no folder").unwrap();
    let found = check(krate.0.path(), None, &[]).unwrap_err();
    assert_eq!(found.problems.len(), 1, "{found}");
    assert!(found.problems[0].starts_with("factum.lock: it cannot be read: "), "{found}");
}

#[test]
fn the_lock_of_an_aggregate_that_is_gone_is_found() {
    let krate = Crate::published();
    let result = check(krate.0.path(), None, &[Category::of::<published::Account>()]);
    assert_eq!(result, Ok(vec![]));
    let found = check(krate.0.path(), Some("update"), &[Category::of::<strict::Cave>()]).unwrap_err();
    let gone = "it belongs to none of these aggregates: name its aggregate in `locked!`; if that goes by another name now, keep its category with `#[aggregate(category = \"…\")]`; if it is gone and no store holds its streams, remove the file";
    assert!(found.problems.contains(&format!("account.events: {gone}")), "{found}");
    assert!(found.problems.contains(&format!("account.payloads: {gone}")), "{found}");
    assert!(krate.path("account.events").exists());
}

#[test]
fn two_aggregates_cannot_have_one_category() {
    let krate = Crate::published();
    let found = check(
        krate.0.path(),
        None,
        &[Category::of::<published::Account>(), Category::of::<variant_renamed::Account>()],
    );
    assert_eq!(found.unwrap_err().problems, ["account: two of these aggregates have this category"]);
}

#[test]
fn a_misspelt_variable_is_not_taken_for_nothing() {
    let found = check(Crate::published().0.path(), Some("yes"), &[]).unwrap_err();
    assert_eq!(found.problems, ["factum.lock: `FACTUM_LOCK` is `yes`; its only value is `update`"]);
}
