//! What `factum::locked!` finds, and what it writes.
//!
//! Each module is the same aggregate at another time.

use std::{fs, path::PathBuf, process::Command};

use factum::testing::lock::{Category, Disagreement, check};
use tempfile::TempDir;

/// The aggregate as it was published, or with something else in its place.
macro_rules! account {
    ($module:ident, { $($types:tt)* }, { $($events:tt)* }, $($recorded:tt)*) => {
        mod $module {
            #![allow(dead_code, reason = "not all of it is used by all tests")]

            use factum::Aggregate;
            use serde::{Deserialize, Serialize};

            $($types)*

            #[derive(Aggregate)]
            #[aggregate(category = "account")]
            #[events {
                #[creates]
                Opened { owner, limit },
                $($events)*
            }]
            #[commands { Open => Opened, $($recorded)* }]
            pub(super) struct Account {
                #[id]
                number: u64,
                owner: Owner,
                limit: u32,
            }
        }
    };
}

account!(
    published,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) enum Means { Cash, Card { last: String }, Cheque(u32) }
    },
    { Paid { #[audit] by: Means }, #[ends] Closed { #[audit] reason: String } },
    Pay => Paid, Close => Closed
);

account!(
    type_renamed,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) enum Way { Cash, Card { last: String }, Cheque(u64) }
    },
    { Paid { #[audit] by: Way }, #[ends] Closed { #[audit] reason: String } },
    Pay => Paid, Close => Closed
);

account!(
    variant_renamed,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) enum Means { Cash, Card { last: String }, Check(u32) }
    },
    { Paid { #[audit] by: Means }, #[ends] Closed { #[audit] reason: String } },
    Pay => Paid, Close => Closed
);

account!(
    member_renamed,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) struct Owner { #[serde(rename = "fullName", alias = "name")] name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) enum Means { Cash, Card { last: String }, Cheque(u32) }
    },
    { Paid { #[audit] by: Means }, #[ends] Closed { #[audit] reason: String } },
    Pay => Paid, Close => Closed
);

account!(
    member_required,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) struct Owner { name: String, born: u16 }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) enum Means { Cash, Card { last: String }, Cheque(u32) }
    },
    { Paid { #[audit] by: Means }, #[ends] Closed { #[audit] reason: String } },
    Pay => Paid, Close => Closed
);

account!(
    member_added,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) struct Owner {
            name: String,
            born: Option<u16>,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            home: Option<Home>,
        }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) struct Home { street: String }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) enum Means { Cash, Card { last: String }, Cheque(u32) }
    },
    { Paid { #[audit] by: Means }, #[ends] Closed { #[audit] reason: String } },
    Pay => Paid, Close => Closed
);

account!(
    variant_added,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) enum Means { Voucher, Cash, Card { last: String }, Cheque(u32) }
    },
    { Paid { #[audit] by: Means }, #[ends] Closed { #[audit] reason: String } },
    Pay => Paid, Close => Closed
);

account!(
    event_added,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) enum Means { Cash, Card { last: String }, Cheque(u32) }
    },
    { Paid { #[audit] by: Means }, Frozen { #[audit] until: String }, #[ends] Closed { #[audit] reason: String } },
    Pay => Paid, Freeze => Frozen, Close => Closed
);

account!(
    event_removed,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) struct Owner { name: String, born: Option<u16> }
    },
    { #[ends] Closed { #[audit] reason: String } },
    Close => Closed
);

account!(
    second_schema,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) enum Means { Cash, Card { last: String }, Cheque(u32) }
    },
    {
        #[schema(2)]
        Paid { #[audit] by: Means, #[since(2, default = 1)] #[audit] times: u32 },
        #[schema(2)]
        #[renamed(2, from = "Closed")]
        #[ends]
        Ended { #[renamed(2, from = "reason")] #[audit] why: String },
    },
    Pay => Paid, Close => Ended
);

account!(
    upcast_that_fails,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) enum Means { Cash, Cheque(u32) }
    },
    {
        #[schema(2)]
        #[upcast(from = 1)]
        Paid { #[audit] by: Means },
        #[ends]
        Closed { #[audit] reason: String },
    },
    Pay => Paid, Close => Closed
);

mod panics {
    #![allow(dead_code, reason = "not all of it is used by all tests")]

    use factum::Aggregate;

    #[derive(Aggregate)]
    #[events {
        #[creates]
        Packed { items },
        Taken { at: usize },
    }]
    #[commands { Pack => Packed, Take => Taken }]
    pub(super) struct Bag {
        #[id]
        number: u64,
        #[on(Taken => { let _ = self.items.remove(at + 7); })]
        items: Vec<String>,
    }
}

mod strict {
    #![allow(dead_code, reason = "not all of it is used by all tests")]

    use factum::Aggregate;
    use serde::{Deserialize, Serialize};

    /// Which nobody could guess.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(try_from = "String", into = "String")]
    pub(super) struct Secret(String);

    impl TryFrom<String> for Secret {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            if text == "open sesame" { Ok(Self(text)) } else { Err("that is not it".to_owned()) }
        }
    }

    impl From<Secret> for String {
        fn from(secret: Secret) -> Self {
            secret.0
        }
    }

    #[derive(Aggregate)]
    #[events { #[creates] Hidden { secret } }]
    #[commands { Hide => Hidden }]
    pub(super) struct Cave {
        #[id]
        number: u64,
        secret: Secret,
    }
}

/// A crate with a lock.
struct Crate(TempDir);

impl Crate {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// A crate that has published the account.
    fn published() -> Self {
        let krate = Self::new();
        assert_eq!(krate.update::<published::Account>(), Ok(vec![]));
        krate
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("factum.lock").join(name)
    }

    fn events(&self) -> String {
        fs::read_to_string(self.path("account.events")).unwrap()
    }

    fn payloads(&self) -> String {
        fs::read_to_string(self.path("account.payloads")).unwrap()
    }

    fn check<A: factum::Aggregate>(&self) -> Result<Vec<String>, Disagreement> {
        check(self.0.path(), None, &[Category::of::<A>()])
    }

    fn update<A: factum::Aggregate>(&self) -> Result<Vec<String>, Disagreement> {
        check(self.0.path(), Some("update"), &[Category::of::<A>()])
    }

    /// What is wrong.
    fn problems<A: factum::Aggregate>(&self) -> Vec<String> {
        self.check::<A>().unwrap_err().problems
    }
}

const EVENTS: &str = "\
factum.lock 1
category account

event Closed 1 { reason: String }
event Opened 1 { limit: u32, owner: Owner }
event Paid 1 { by: Means }
";

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
    }
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

#[test]
fn branches_that_both_add_events_merge() {
    let krate = Crate::published();
    let merge = |ours: &str, theirs: &str| {
        let folder = TempDir::new().unwrap();
        for (name, text) in [("base", EVENTS), ("ours", ours), ("theirs", theirs)] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let merged = Command::new("git")
            .args(["merge-file", "-p", "ours", "base", "theirs"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        String::from_utf8(merged.stdout).unwrap()
    };
    let frozen = EVENTS.replace("event Opened", "event Frozen 1 { until: String }\nevent Opened");

    // In different places, git needs nobody.
    let merged = merge(&frozen, &format!("{EVENTS}event Thawed 1 {{ until: String }}\n"));
    assert!(!merged.contains("<<<<<<<"), "{merged}");

    // In the same place, each line of both is whole: who keeps them all has merged them.
    let other = EVENTS.replace("event Opened", "event Lent 1 { until: String }\nevent Opened");
    let merged = merge(&other, &frozen);
    assert!(merged.contains("<<<<<<<"), "{merged}");
    let kept: String = merged
        .lines()
        .filter(|line| !line.starts_with(['<', '=', '>']))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(krate.path("account.events"), &kept).unwrap();
    let found = krate.check::<event_added::Account>().unwrap_err();
    assert_eq!(found.unpublished, ["account: `Frozen` (schema 1) has no payload"]);
    assert!(found.problems[0].contains("`Lent` was published and is not declared any more"), "{found}");
}

#[test]
fn the_lock_of_an_aggregate_that_is_gone_is_found() {
    let krate = Crate::published();
    let result = check(krate.0.path(), None, &[Category::of::<published::Account>()]);
    assert_eq!(result, Ok(vec![]));
    let found = check(krate.0.path(), Some("update"), &[Category::of::<strict::Cave>()]).unwrap_err();
    let gone = "it belongs to none of these aggregates: name its aggregate in `locked!`; if that is gone and no store holds its streams, remove the file";
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
