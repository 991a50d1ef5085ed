//! What the derive says about a declaration that contradicts `factum.lock/`.

use std::{env, fs, path::PathBuf};

use super::messages;
use crate::aggregate::{Surroundings, derive_in};

const ORDER: &str = "
    #[events {
        #[creates]
        Placed { customer, total },
        Paid { #[audit] by: Option<Card> },
        #[ends]
        Cancelled { #[audit] reason: String },
    }]
    #[commands { Place => Placed, Pay => Paid, Cancel => Cancelled }]
    struct Order {
        #[id]
        number: u64,
        customer: String,
        total: u32,
    }";

const HEAD: &str = "factum.lock 1\ncategory order\n\n";

const PUBLISHED: &str = "event Cancelled 1 { reason: String }
event Paid 1 { by: Option<Card> }
event Placed 1 { customer: String, total: u32 }
";

/// A crate with this in the lock of its orders.
struct Crate(PathBuf);

impl Crate {
    fn new(test: &str, lock: Option<&str>) -> Self {
        let folder = env::temp_dir().join(format!("factum-macros-{}-{test}", std::process::id()));
        fs::create_dir_all(folder.join("factum.lock")).unwrap();
        if let Some(lock) = lock {
            fs::write(folder.join("factum.lock/order.events"), lock).unwrap();
        }
        Self(folder)
    }

    fn derive(&self, variable: Option<&str>, declaration: &str) -> (String, Vec<String>) {
        let surroundings =
            Surroundings { folder: Some(self.0.clone()), variable: variable.map(ToOwned::to_owned) };
        let code = derive_in(&surroundings, syn::parse_str(declaration).unwrap());
        let file = syn::parse2(code).unwrap();
        (prettyplease::unparse(&file), messages(&file))
    }
}

impl Drop for Crate {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn told(test: &str, lock: &str, declaration: &str) -> Vec<String> {
    Crate::new(test, Some(lock)).derive(None, declaration).1
}

#[test]
fn what_agrees_with_the_lock_passes_and_is_tracked() {
    let published = Crate::new("agrees", Some(&format!("{HEAD}{PUBLISHED}")));
    let (code, messages) = published.derive(None, ORDER);
    assert_eq!(messages, [""; 0]);
    assert!(code.contains("::core::option_env!(\n    \"FACTUM_LOCK\"\n)"), "{code}");
    assert!(code.contains("\"/factum.lock/order.events\""), "{code}");
    assert!(!code.contains(published.0.to_str().unwrap()), "the code depends on where the crate lies");

    let (code, messages) = Crate::new("absent", None).derive(None, ORDER);
    assert_eq!(messages, [""; 0]);
    assert!(!code.contains("order.events"), "a file that is not there cannot be included");
}

#[test]
fn what_is_new_passes() {
    let lock = format!("{HEAD}event Placed 1 {{ customer: String, total: u32 }}\n");
    assert_eq!(told("new", &lock, ORDER), [""; 0]);
}

#[test]
fn order_and_layout_do_not_matter() {
    let lock = format!(
        "{HEAD}event Paid 1 {{ by: Option<Card> }}\nevent Placed 1 {{ total: u32, customer: String }}\n"
    );
    let declaration = ORDER
        .replace("{ customer, total }", "{ total , customer, }")
        .replace("Option<Card>", "Option < Card, >");
    assert_eq!(told("layout", &lock, &declaration), [""; 0]);
}

#[test]
fn what_was_published_cannot_change() {
    let lock = format!("{HEAD}{PUBLISHED}");
    let fix = "give the event `#[schema(2)]` and say how what is stored in schema 1 is read: `#[since]`, `#[renamed]`, `#[upcast]`; if nothing is stored yet, or only a type goes by another name, accept the change with `FACTUM_LOCK=update cargo test`";
    let changed = |name: &str, published: &str, declared: &str| {
        format!(
            "`{name}` was published and has changed without a new schema version\n  published (schema 1): {published}\n  declared  (schema 1): {declared}\n{fix}"
        )
    };
    let cases = [
        (
            "another type",
            ORDER.replace("Option<Card>", "Card"),
            vec![changed("Paid", "{ by: Option<Card> }", "{ by: Card }")],
        ),
        (
            "another type of the aggregate's field",
            ORDER.replace("total: u32", "total: u64"),
            vec![changed("Placed", "{ customer: String, total: u32 }", "{ customer: String, total: u64 }")],
        ),
        (
            "a field more",
            ORDER.replace("reason: String", "reason: String, #[audit] by: User"),
            vec![changed("Cancelled", "{ reason: String }", "{ by: User, reason: String }")],
        ),
        (
            "a field less",
            ORDER.replace("{ #[audit] reason: String }", ""),
            vec![changed("Cancelled", "{ reason: String }", "{}")],
        ),
        (
            "two events",
            ORDER.replace("by:", "with:").replace("reason:", "why:"),
            vec![
                changed("Cancelled", "{ reason: String }", "{ why: String }"),
                changed("Paid", "{ by: Option<Card> }", "{ with: Option<Card> }"),
            ],
        ),
        (
            "an event that is gone",
            ORDER.replace("Paid { #[audit] by: Option<Card> },", "").replace("Pay => Paid, ", ""),
            vec![
                "`Paid` was published and is not declared any more\n  published (schema 1): { by: Option<Card> }\nkeep it with `#[retired]`, so that streams which hold it can be read: `#[retired] Paid { by: Option<Card> }`; if none is stored yet, take it back with `FACTUM_LOCK=update cargo test`".to_owned(),
            ],
        ),
        (
            "an event with another name",
            ORDER.replace("Cancelled", "CalledOff"),
            vec![
                "`Cancelled` was published and is not declared any more\n  published (schema 1): { reason: String }\nif `CalledOff` is what became of it, give it its stored name: `#[name = \"Cancelled\"]`; if none is stored yet, take it back with `FACTUM_LOCK=update cargo test`".to_owned(),
            ],
        ),
        ("an event with another name and its stored one", ORDER.replace("Cancelled {", "#[name = \"Cancelled\"] CalledOff {").replace("=> Cancelled", "=> CalledOff"), vec![]),
        ("one that is retired", ORDER.replace("Paid {", "#[retired] Paid {").replace("Pay => Paid, ", ""), vec![]),
    ];
    for (index, (case, declaration, expected)) in cases.into_iter().enumerate() {
        let published = Crate::new(&format!("changed-{index}"), Some(&lock));
        assert_eq!(published.derive(None, &declaration).1, expected, "{case}");
        assert_eq!(published.derive(Some("update"), &declaration).1, [""; 0], "{case}");
    }
}

#[test]
fn a_new_schema_version_may_carry_something_else() {
    let lock = format!("{HEAD}{PUBLISHED}");
    let by = "#[schema(2)] #[removed(2, \"by\")] Paid { #[since(2, default = Card::new())] #[audit] by: Card, #[since(2)] #[audit] at: u64 }";
    let declaration = ORDER.replace("Paid { #[audit] by: Option<Card> }", by);
    assert_eq!(told("schema-2", &lock, &declaration), [""; 0]);
    let renamed = declaration.replace("\"by\")] Paid", "\"by\")] #[renamed(2, from = \"Paid\")] Settled");
    assert_eq!(told("renamed", &lock, &renamed.replace("=> Paid", "=> Settled")), [""; 0]);
    // In its second version it is published, too.
    let lock = format!("{lock}event Paid 2 {{ at: u32, by: Card }}\n");
    let messages = told("schema-2-changed", &lock, &declaration);
    assert!(messages[0].contains("published (schema 2): { at: u32, by: Card }\n  declared  (schema 2): { at: u64, by: Card }\ngive the event `#[schema(3)]`"), "{messages:?}");
}

#[test]
fn no_published_member_is_lost_on_the_way_to_a_new_version() {
    let head = format!("{HEAD}event Cancelled 1 {{ reason: String }}\n");
    let lock = format!("{head}event Paid 1 {{ total: Option<u32> }}\n");
    let paid = |event: &str| ORDER.replace("Paid { #[audit] by: Option<Card> }", event);
    let told = |test: &str, lock: &str, event: &str| told(test, lock, &paid(event));
    let message = |published: u32, shape: &str, declared: &str, fix: &str| {
        format!(
            "`Paid` was published in schema {published} with other members than are declared for that schema\n  published (schema {published}): {shape}\n  declared  (schema {published}): {declared}\nwhat is stored would be lost, or not be found; {fix}; for anything else, `#[upcast(from = {published}, with = path)]`"
        )
    };

    // Its name before is not told, and as it may be absent, nothing that is stored would be found.
    let extra = "#[since(2, default = 0)] #[audit] extra: u32";
    let amount = format!("#[schema(2)] Paid {{ #[audit] amount: Option<u32>, {extra} }}");
    let fix = "if `amount` is what became of `total`, mark it `#[renamed(2, from = \"total\")]`; if there was no `amount`, mark it `#[since(2, default = …)]`; if `total` is not needed any more, mark the event `#[removed(2, \"total\")]`";
    assert_eq!(told("past-name", &lock, &amount), [message(1, "{ total: Option<u32> }", "{ amount }", fix)]);
    let renamed = amount.replace("#[audit] amount", "#[renamed(2, from = \"total\")] #[audit] amount");
    assert_eq!(told("past-renamed", &lock, &renamed), [""; 0]);
    let removed = amount
        .replace("Paid", "#[removed(2, \"total\")] Paid")
        .replace("#[audit] amount", "#[since(2)] #[audit] amount");
    assert_eq!(told("past-removed", &lock, &removed), [""; 0]);
    let upcast = "#[schema(2)] #[upcast(from = 1, with = f)] Paid { #[audit] amount: Option<u32> }";
    assert_eq!(told("past-upcast", &lock, upcast), [""; 0]);
    let flat = "#[schema(2)] #[upcast(from = 1)] Paid { #[serde(flatten)] #[audit] amount: Amount }";
    assert_eq!(told("past-flat", &lock, flat), [""; 0]);

    // It was there before.
    let lock = format!("{lock}event Paid 2 {{ amount: Option<u32>, extra: u32 }}\n");
    let later = renamed.replace("schema(2)", "schema(3)").replace("since(2", "since(3");
    let fix = "`extra` was there before schema 3: correct its `#[since(3)]`, or mark the event `#[removed(3, \"extra\")]` as well if what was stored as `extra` is not for it";
    assert_eq!(
        told("past-since", &lock, &later),
        [message(2, "{ amount: Option<u32>, extra: u32 }", "{ amount }", fix)]
    );
    let again = later.replace("Paid", "#[removed(3, \"extra\")] Paid");
    assert_eq!(told("past-again", &lock, &again), [""; 0]);

    // What is wrong anyway is told alone.
    let wrong = later.replace("since(3", "since(4");
    assert_eq!(told("past-wrong", &lock, &wrong).len(), 1);
}

#[test]
fn the_way_back_of_an_event_that_is_gone_leads_to_its_version() {
    let lock = format!("{HEAD}{PUBLISHED}event Paid 2 {{}}\nevent Paid 3 {{ card: Card }}\n");
    let gone = ORDER.replace("Paid { #[audit] by: Option<Card> },", "").replace("Pay => Paid, ", "");
    let messages = told("gone-later", &lock, &gone);
    assert!(messages[0].contains("can be read: `#[retired] #[schema(3)] Paid { card: Card }`, with its `#[upcast]`s and whatever else led to it; if none is stored"), "{messages:?}");
    let other = ORDER.replace("Paid { #[audit] by: Option<Card> }", "Settled { #[audit] card: Card }");
    let messages = told("gone-renamed", &lock, &other.replace("=> Paid", "=> Settled"));
    assert!(messages[0].contains("if `Settled` is what became of it, give it its stored name: `#[schema(3)] #[name = \"Paid\"]`, with its `#[upcast]`s and whatever else led to it; if none is stored"), "{messages:?}");
}

#[test]
fn the_names_of_members_are_what_counts() {
    let lock = format!("{HEAD}{PUBLISHED}");
    let hidden = ORDER.replace("#[audit] reason:", "#[serde(rename = \"reason\")] #[audit] why:");
    assert_eq!(told("member", &lock, &hidden), [""; 0]);
    let shown = ORDER.replace("#[audit] reason:", "#[serde(rename = \"why not\")] #[audit] reason:");
    let messages = told("member-changed", &lock, &shown);
    assert!(messages[0].contains("declared  (schema 1): { why\\u{20}not: String }"), "{messages:?}");
}

#[test]
fn a_schema_version_never_goes_back() {
    let lock = format!("{HEAD}{PUBLISHED}event Paid 2 {{ by: Card }}\n");
    assert_eq!(
        told("back", &lock, ORDER),
        [
            "`Paid` was published in schema 2 and is declared in schema 1\na schema version never goes back; if nothing is stored yet in schema 2, accept it with `FACTUM_LOCK=update cargo test`"
        ]
    );
}

#[test]
fn what_could_not_be_read_is_not_missed() {
    // One mistake in an event is one message, not that it was removed as well.
    let lock = format!("{HEAD}{PUBLISHED}");
    let declaration = ORDER.replace("Option<Card>", "");
    let messages = told("unread", &lock, &declaration);
    assert_eq!(messages, ["`by` needs a type after the `:`: write `by: Type`"]);
}

#[test]
fn a_lock_that_cannot_be_read_is_a_mistake_also_where_differences_pass() {
    let cases = [
        (
            format!("{HEAD}<<<<<<< HEAD\nevent A 1 {{}}\n=======\n>>>>>>> b\n"),
            "`factum.lock/order.events`, line 4: a merge conflict is left here; keep the events of both sides, in any order, and remove the lines that git added",
        ),
        (
            "factum.lock 99\n".to_owned(),
            "`factum.lock/order.events`, line 1: it is of format `99`, and this version of factum knows format 1: was it written by a newer one?",
        ),
        (
            format!("{HEAD}keep 3 years\n"),
            "`factum.lock/order.events`, line 4: `keep 3 years` is no event as it should be written (`event Closed 1 { solution: String }`): was it written by a newer version of factum?",
        ),
    ];
    for (index, (lock, message)) in cases.into_iter().enumerate() {
        let broken = Crate::new(&format!("broken-{index}"), Some(&lock));
        assert_eq!(broken.derive(None, ORDER).1, [message]);
        assert_eq!(broken.derive(Some("update"), ORDER).1, [message]);
    }
    let published = Crate::new("binary", None);
    fs::write(published.0.join("factum.lock/order.events"), [0xff, 0xfe]).unwrap();
    let messages = published.derive(None, ORDER).1;
    assert!(messages[0].starts_with("`factum.lock/order.events` cannot be read: "), "{messages:?}");
}

#[test]
fn a_misspelt_variable_is_not_taken_for_nothing() {
    let published = Crate::new("variable", Some(&format!("{HEAD}{PUBLISHED}")));
    assert_eq!(
        published.derive(Some("upgrade"), ORDER).1,
        ["`FACTUM_LOCK` is `upgrade`; its only value is `update`"]
    );
}

#[test]
fn locked_makes_absence_a_mistake() {
    let declaration = format!("#[aggregate(locked)] {ORDER}");
    let absent = Crate::new("locked", None);
    let message = "`locked`, but there is no `factum.lock/order.events` beside the `Cargo.toml` of this crate: bring the folder along with the sources, or write it with `FACTUM_LOCK=update cargo test` and `factum::locked!(Order)` in a test";
    assert_eq!(absent.derive(None, &declaration).1, [message]);
    assert_eq!(absent.derive(Some("update"), &declaration).1, [""; 0]);
    assert_eq!(
        Crate::new("unlocked", Some(&format!("{HEAD}{PUBLISHED}"))).derive(None, &declaration).1,
        [""; 0]
    );
}
