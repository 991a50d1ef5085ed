//! The program as a person uses it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use support::Program;

#[test]
fn the_tour_tells_what_callers_get() {
    let story = Program::new().run(&["tour"]);
    let mut rest = &*story;
    for told in [
        "recorded  v1: registered: Ann, ann.",
        "taken  the `email` is somebody else's",
        "conflict  it is at version 2, you saw 1; since then: name changed: Ann and Carl",
        "recorded  v3: e-mail address changed: both.",
        "recorded  v4: phone changed: 555-0100",
        "conflict  it is at version 5, you saw 4; since then over `email`: e-mail address changed: ann.and.carl.",
        "recorded  v6: e-mail address not changed: carl.and.ann.",
        "v6  carl  e-mail address not changed: carl.and.ann.",
        "recorded  v7: locked by dora",
        "refused  dora has locked it",
        "recorded  v8: locked by eric",
        "refused  eric has locked it",
        "recorded  v2: phone changed: 555-0199",
        "recorded  v2: phone changed: 555-0199",
        "refused  something else was asked under this key before",
        "state  ann has 30, bob has 70",
        "refused  step 1: there are only 30 on it",
        "refused  step 2: there is no such aggregate",
        "recorded  v11: deregistered",
        "refused  the user has deregistered",
        "recorded  v1: registered: Fay, ann.and.carl.",
        // One rule in three places.
        "recorded  v1: subscribed: ann.",
        "taken  the `email` is somebody else's",
        "recorded  v1: ordered: ann.",
        "recorded  v1: ordered: ann.",
        "v2  withdrawn, by duplicates of present",
        "recorded  v1: subscribed: fay.and.gus.",
        "recorded  v1: subscribed: fay.and.gus.",
        "taken  the `email` is somebody else's",
        " append  ",
        " ms each; misses nothing: of two, one is refused",
        "   view  ",
        " ms each; misses who took the address a moment ago",
        "  after  ",
        " ms each; misses nothing, but it is found later",
    ] {
        let (_, after) = rest.split_once(told).unwrap_or_else(|| panic!("{told}\ncomes not in\n{story}"));
        rest = after;
    }
}

#[test]
fn what_cannot_be_is_said_in_one_line() {
    let program = Program::new();
    std::fs::write(program.file("text.db"), "dear diary").unwrap();
    for (arguments, said) in [
        (&["tour", "--store", "sqllite:registration.db"][..], "does not name a store"),
        (&["load", "--store", "registration.db"], "does not name a store"),
        (&["load", "--store", "sqlite:no/such/directory/r.db"], "no/such/directory"),
        (&["load", "--store", "sqlite:text.db"], "text.db"),
        (&["bank", "--store", "sqlite:"], "no file is named"),
        (&["bank", "--check"], "registration.db"),
        (&["bank", "--check", "--store", "memory:"], "name one that is kept"),
    ] {
        let told = program.fail(1, arguments);
        assert!(told.starts_with("registration: ") && told.contains(said), "{arguments:?}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    for (arguments, said) in [
        (&["load", "--rate", "fast"][..], "use a number of sign-ups per second, such as 23"),
        (&["load", "--rate", "-1"], "use a number of sign-ups per second, such as 23"),
        (&["load", "--rate", "NaN"], "use a number of sign-ups per second, such as 23"),
        (&["load", "--duplicates", "10"], "use a share between 0 and 1"),
        (&["load", "--clients", "0"], "0 is not in 1..=10000"),
        (&["load", "--count", "0"], "0 is not in 1.."),
        (&["load", "--count", "5", "--seconds", "5"], "cannot be used with"),
        (&["bank", "--accounts", "1"], "1 is not in 2..=1000000"),
        (&["bank", "--check", "--transfers", "5"], "cannot be used with"),
        (&["lod"], "a similar subcommand exists: 'load'"),
    ] {
        let told = program.fail(2, arguments);
        assert!(told.contains(said), "{arguments:?}: {told}");
    }
    assert!(!program.file("registration.db").exists(), "nothing was made");
}
