//! What is declared is another than it was.

use std::fs;

use super::{
    crates::{Crate, EVENTS},
    samples::{
        event_added, event_removed, member_added, member_renamed, member_required, name_before_not_told,
        panics, published, second_schema, since_too_late, strict, type_renamed, upcast_that_fails,
        variant_added, variant_renamed,
    },
};

#[test]
fn what_is_declared_is_published_and_holds() {
    let krate = Crate::new();
    let found = krate.check::<published::Account>().unwrap_err();
    assert_eq!(found.problems, [""; 0]);
    assert_eq!(
        found.to_string(),
        "`factum.lock/` and what is declared do not agree\nnot published yet, which `FACTUM_LOCK=update cargo test` does:\n- account: there is no `factum.lock/account.events`"
    );
    assert!(!krate.path("").exists(), "a check writes nothing");

    assert_eq!(krate.update::<published::Account>(), Ok(vec![]));
    assert_eq!(krate.events(), EVENTS);
    assert_eq!(krate.check::<published::Account>(), Ok(vec![]));

    // Again, nothing is written, so that nothing is built anew.
    let before = fs::metadata(krate.path("account.events")).unwrap().modified().unwrap();
    let payloads = krate.payloads();
    assert_eq!(krate.update::<published::Account>(), Ok(vec![]));
    assert_eq!(fs::metadata(krate.path("account.events")).unwrap().modified().unwrap(), before);
    assert_eq!(krate.payloads(), payloads);
}

#[test]
fn payloads_show_each_variant_and_what_may_be_absent() {
    let payloads = Crate::published().payloads();
    for part in [
        "event Closed 1 {\"reason\":\"reason\"}\n",
        "event Opened 1 {\"owner\":{\"name\":\"name\",\"born\":",
        "\"born\":null",
        "event Paid 1 {\"by\":\"Cash\"}\n",
        "event Paid 1 {\"by\":{\"Card\":{\"last\":\"last\"}}}\n",
        "event Paid 1 {\"by\":{\"Cheque\":",
    ] {
        assert!(payloads.contains(part), "{part} is not in\n{payloads}");
    }
    assert_eq!(payloads.matches("event Closed").count(), 1, "{payloads}");
    assert_eq!(payloads.matches("event Paid").count(), 3, "{payloads}");
}

#[test]
fn a_type_by_another_name_is_accepted() {
    let krate = Crate::published();
    let payloads = krate.payloads();
    let problems = krate.problems::<type_renamed::Account>();
    assert_eq!(
        problems,
        [
            "account: `Paid` was published and has changed without a new schema version\n  published (schema 1): { by: Means }\n  declared  (schema 1): { by: Way }"
        ]
    );
    let replaced = krate.update::<type_renamed::Account>().unwrap();
    assert_eq!(replaced.len(), 1, "{replaced:?}");
    assert!(
        replaced[0].starts_with("account: accepted, since its payloads are what they were: `Paid`"),
        "{replaced:?}"
    );
    assert_eq!(krate.payloads(), payloads);
    assert_eq!(krate.events(), EVENTS.replace("Means", "Way"));
    assert_eq!(krate.check::<type_renamed::Account>(), Ok(vec![]));
}

#[test]
fn a_nested_type_cannot_change_its_form() {
    let krate = Crate::published();
    let problems = krate.problems::<variant_renamed::Account>();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("account: the payload of `Paid` (schema 1) {\"by\":{\"Cheque\":"),
        "{problems:?}"
    );
    assert!(problems[0].contains("unknown variant `Cheque`"), "{problems:?}");

    // What is read as before, but written as another.
    let problems = krate.problems::<member_renamed::Account>().join("\n");
    assert!(problems.contains("it is read, and written as another, so the event has changed without a new schema version\n  published: {\"owner\":{\"name\":\"name\",\"born\":"), "{problems}");
    assert!(problems.contains("\n  now:       {\"owner\":{\"fullName\":\"name\","), "{problems}");

    // What was absent and may not be any more.
    let problems = krate.problems::<member_required::Account>().join("\n");
    assert!(problems.contains("\"born\":null"), "{problems}");
    assert!(problems.contains("invalid type: null, expected u16"), "{problems}");

    // What old payloads do not have, and nothing but a new one shows.
    let problems = krate.problems::<member_added::Account>();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0]
            .contains("it carries `owner.home`, which was not there\n  published (schema 1): {\"owner\":"),
        "{problems:?}"
    );
    assert!(problems[0].contains("\"home\":{\"street\":\"street\"}"), "{problems:?}");
}

#[test]
fn what_an_enum_gains_is_shown_from_then_on() {
    let krate = Crate::published();
    let found = krate.check::<variant_added::Account>().unwrap_err();
    assert_eq!(found.problems, [""; 0]);
    assert_eq!(found.unpublished, ["account: no payload of `Paid` (schema 1) shows `Voucher`"]);
    let payloads = krate.payloads();
    assert_eq!(krate.update::<variant_added::Account>(), Ok(vec![]));
    assert_eq!(krate.payloads(), format!("{payloads}event Paid 1 {{\"by\":\"Voucher\"}}\n"));
    assert_eq!(krate.check::<variant_added::Account>(), Ok(vec![]));
}

#[test]
fn what_is_replaced_is_told() {
    let krate = Crate::published();
    let replaced = krate.update::<variant_renamed::Account>().unwrap();
    assert_eq!(replaced.len(), 1, "{replaced:?}");
    assert!(
        replaced[0].starts_with("account: REMOVED: the payload of `Paid` (schema 1) {\"by\":{\"Cheque\":"),
        "{replaced:?}"
    );
    assert_eq!(krate.check::<variant_renamed::Account>(), Ok(vec![]));

    // A payload that is read as before stays, and the new one comes to it.
    let krate = Crate::published();
    let lines = krate.payloads().lines().count();
    assert_eq!(krate.update::<member_added::Account>(), Ok(vec![]));
    assert!(krate.payloads().lines().count() > lines, "{}", krate.payloads());
    assert_eq!(krate.check::<member_added::Account>(), Ok(vec![]));

    let krate = Crate::published();
    let replaced = krate.update::<event_removed::Account>().unwrap();
    assert_eq!(
        replaced[0],
        "account: REPLACED: `Paid` was published and is not declared any more\n  published (schema 1): { by: Means }"
    );
    assert!(!krate.events().contains("Paid") && !krate.payloads().contains("Paid"));
    assert_eq!(krate.check::<event_removed::Account>(), Ok(vec![]));
}

#[test]
fn what_is_replaced_is_told_whatever_else_is_wrong() {
    let krate = Crate::published();
    fs::write(krate.path("other.events"), "").unwrap();
    let found = krate.update::<variant_renamed::Account>().unwrap_err();
    assert_eq!(found.problems.len(), 1, "{found}");
    let replaced = "account: REMOVED: the payload of `Paid` (schema 1) {\"by\":{\"Cheque\":";
    assert!(found.replaced[0].starts_with(replaced), "{found}");
    let first = format!("`factum.lock/` was written, and what stood there before is replaced:\n- {replaced}");
    assert!(found.to_string().starts_with(&first), "{found}");
    assert!(!krate.payloads().contains("Cheque"));
}

#[test]
fn what_is_new_waits_to_be_published() {
    let krate = Crate::published();
    let found = krate.check::<event_added::Account>().unwrap_err();
    assert_eq!(found.problems, [""; 0]);
    assert_eq!(found.unpublished, ["account: `Frozen` (schema 1): { until: String }"]);
    assert_eq!(krate.update::<event_added::Account>(), Ok(vec![]));
    assert_eq!(
        krate.events(),
        EVENTS.replace("event Opened", "event Frozen 1 { until: String }\nevent Opened")
    );
    assert_eq!(krate.check::<event_added::Account>(), Ok(vec![]));
}

#[test]
fn earlier_schema_versions_need_their_payloads() {
    let krate = Crate::published();
    fs::write(krate.path("account.events"), EVENTS.replace("event Paid 1 { by: Means }\n", "")).unwrap();
    let problems = krate.check::<published::Account>().unwrap_err().problems.join("\n");
    assert!(
        problems.contains(
            "account: the payload of `Paid` (schema 1) {\"by\":\"Cash\"}: it has not been published"
        ),
        "{problems}"
    );

    let krate = Crate::published();
    let payloads: String = krate
        .payloads()
        .lines()
        .filter(|line| !line.contains("Paid"))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(krate.path("account.payloads"), payloads).unwrap();
    assert_eq!(
        krate.check::<published::Account>().unwrap_err().unpublished,
        ["account: `Paid` (schema 1) has no payload"]
    );
    assert_eq!(krate.problems::<event_removed::Account>().len(), 2);
}

#[test]
fn payloads_of_earlier_versions_are_read_for_ever() {
    let krate = Crate::published();
    let payloads = krate.payloads();
    let found = krate.check::<second_schema::Account>().unwrap_err();
    assert_eq!(found.problems, [""; 0]);
    assert_eq!(
        found.unpublished,
        [
            "account: `Paid` (schema 2): { by: Means, times: u32 }",
            "account: `Ended` (schema 2): { why: String }"
        ]
    );
    assert_eq!(krate.update::<second_schema::Account>(), Ok(vec![]));
    assert_eq!(
        krate.events(),
        "factum.lock 1\ncategory account\n\n\
         event Closed 1 { reason: String }\n\
         event Ended 2 { why: String }\n\
         event Opened 1 { limit: u32, owner: Owner }\n\
         event Paid 1 { by: Means }\n\
         event Paid 2 { by: Means, times: u32 }\n"
    );
    for line in payloads.lines() {
        assert!(krate.payloads().contains(line), "{line}");
    }
    assert!(krate.payloads().contains("event Ended 2 {\"why\":\"why\"}\n"), "{}", krate.payloads());
    assert_eq!(krate.check::<second_schema::Account>(), Ok(vec![]));

    // No update makes an earlier version readable that is not.
    let krate = Crate::published();
    for result in [krate.update::<upcast_that_fails::Account>(), krate.check::<upcast_that_fails::Account>()]
    {
        let problems = result.unwrap_err().problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].starts_with("account: the payload of `Paid` (schema 1) {\"by\":{\"Card\":{\"last\":\"last\"}}}: cannot decode"),
            "{problems:?}"
        );
        assert!(problems[0].contains("unknown variant `Card`"), "{problems:?}");
        assert!(problems[0].ends_with("write real ones in `factum.lock/account.payloads`"), "{problems:?}");
    }
}

/// No payload shows it: what is lost is read as if it had never been there.
#[test]
fn each_published_version_is_what_is_declared_of_it() {
    let krate = Crate::published();
    let lost = "account: `Closed` was published in schema 1 with other members than are declared for that schema\n  published (schema 1): { reason: String }\n  declared  (schema 1): { why }";
    assert_eq!(krate.problems::<name_before_not_told::Account>(), [lost]);
    // No update takes back what was published once.
    let found = krate.update::<name_before_not_told::Account>().unwrap_err();
    assert_eq!(
        (found.problems.as_slice(), found.replaced.as_slice()),
        ([lost.to_owned()].as_slice(), [].as_slice())
    );
    assert!(krate.events().contains("event Closed 1 { reason: String }\n"), "{}", krate.events());

    let krate = Crate::published();
    assert_eq!(krate.update::<second_schema::Account>(), Ok(vec![]));
    assert_eq!(
        krate.problems::<since_too_late::Account>(),
        [
            "account: `Paid` was published in schema 2 with other members than are declared for that schema\n  published (schema 2): { by: Means, times: u32 }\n  declared  (schema 2): { by }"
        ]
    );
}

#[test]
fn what_nobody_can_make_up_is_written_by_hand() {
    let krate = Crate::new();
    let problems = krate.update::<strict::Cave>().unwrap_err().problems.join("\n");
    assert!(problems.contains("because of `Hidden.secret`"), "{problems}");
    assert!(
        problems.contains("add a line `event Hidden 1 {…}` to `factum.lock/cave.payloads`"),
        "{problems}"
    );
    let line = "factum.lock 1\ncategory cave\n\nevent Hidden 1 {\"secret\":\"open sesame\"}\n";
    fs::write(krate.path("cave.payloads"), line).unwrap();
    assert_eq!(krate.update::<strict::Cave>(), Ok(vec![]));
    assert_eq!(krate.check::<strict::Cave>(), Ok(vec![]));
    assert_eq!(fs::read_to_string(krate.path("cave.payloads")).unwrap(), line);
}

#[test]
fn payloads_are_folded() {
    let krate = Crate::new();
    let problems = krate.update::<panics::Bag>().unwrap_err().problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("bag: folding the payload of `Taken` (schema 1) {\"at\":"),
        "{problems:?}"
    );
    assert!(
        problems[0].contains(" after `Packed` {\"items\":[\"items\"]}: the fold panicked (removal index"),
        "{problems:?}"
    );
}
