//! The program as a person uses it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use support::Desk;

#[test]
fn an_incident_from_the_report_to_the_removal() {
    let desk = Desk::new();
    let report = desk.run(&["report", "mouse broken", "--reporter", "7", "--by", "ann"]);
    let (incident, rest) = report.split_once("  ").unwrap();
    assert_eq!(rest, "v1  reported by user 7: mouse broken\n");
    let said = |arguments: &[&str]| desk.run(arguments).replace(incident, "…");

    assert_eq!(
        said(&["change", incident, "left button broken"]),
        "…  v2  text changed: left button broken\n"
    );
    assert_eq!(said(&["assign", incident, "3", "--by", "bob"]), "…  v3  assigned to user 3\n");
    assert_eq!(said(&["close", incident, "new mouse", "--expect", "3"]), "…  v4  closed: new mouse\n");
    assert_eq!(
        said(&["reopen", incident, "broke again", "--to", "4"]),
        "…  v5  reopened: broke again\n…  v6  assigned to user 4, before to user 3\n"
    );
    let list = "incident  version  status  reporter  assignee  text\n\
                …        6  open    user 7    user 4    left button broken\n";
    assert_eq!(desk.run(&["list"]).replace(incident, "…"), list);
    assert_eq!(said(&["remove", incident]), "…  v7  removed\n");
    assert_eq!(desk.run(&["list"]), "no incidents in sqlite:helpdesk.db; --all lists the removed ones\n");
    assert!(desk.run(&["list", "--all"]).contains("removed"));

    let history = desk.run(&["history", incident]);
    let by: Vec<_> = history.lines().skip(1).map(|line| line.split_whitespace().nth(3).unwrap()).collect();
    assert_eq!(by, ["ann", "-", "bob", "-", "-", "-", "-"]);
}

#[test]
fn the_past_is_shown_as_it_was() {
    let desk = Desk::new();
    let incident = desk.report("mouse broken");
    desk.run(&["change", &incident, "both mice broken"]);
    assert!(desk.run(&["show", &incident]).contains("both mice broken"));
    assert!(desk.run(&["show", &incident, "--at-version", "1"]).contains("mouse broken"));

    // A time that was shown includes what it was shown for.
    let history = desk.run(&["history", &incident]);
    let time = |line: usize| {
        let words: Vec<_> = history.lines().nth(line).unwrap().split_whitespace().collect();
        format!("{} {}", words[1], words[2])
    };
    assert!(desk.run(&["show", &incident, "--at-time", &time(1)]).contains("mouse broken"));
    assert!(desk.run(&["show", &incident, "--at-time", &time(2)]).contains("both mice broken"));
    let day = time(1)[..10].to_owned();
    assert!(desk.run(&["show", &incident, "--at-time", &day]).contains("both mice broken"));
    assert!(desk.fail(1, &["show", &incident, "--at-time", "2001-01-01"]).contains("there is no incident"));
}

#[test]
fn a_number_may_be_shortened_as_long_as_it_is_clear() {
    let desk = Desk::new();
    let (mouse, printer) = (desk.report("mouse broken"), desk.report("printer broken"));
    let show = desk.run(&["show", &mouse]);
    let number = show.lines().last().unwrap().trim_start_matches("  number").trim();
    for form in [number, &number.to_uppercase(), &number.replace('-', ""), &mouse, &number[28..]] {
        assert!(desk.run(&["show", form]).contains("mouse broken"), "{form}");
    }
    // Numbers begin with the time at which they were made.
    let said = desk.fail(1, &["show", &number[..4]]);
    assert!(said.contains("can be 2 incidents") && said.contains(number), "{said}");
    assert!(desk.run(&["show", &printer]).contains("printer broken"));
}

#[test]
fn who_was_slower_learns_what_happened() {
    let desk = Desk::new();
    let incident = desk.report("mouse broken");
    desk.run(&["assign", &incident, "3"]);
    desk.run(&["close", &incident, "new mouse"]);
    let said = desk.fail(1, &["change", &incident, "x", "--expect", "1"]);
    let expected = format!(
        "helpdesk: incident {incident} is at version 3, you expected 1; since then: assigned to user 3; closed: new mouse\n"
    );
    assert_eq!(said, expected);
    let said = desk.fail(1, &["change", &incident, "x"]);
    assert_eq!(said, format!("helpdesk: incident {incident}: it is closed already\n"));
}

#[test]
fn what_cannot_be_is_said_in_one_line() {
    let desk = Desk::new();
    let incident = &desk.report("mouse broken");
    let nobody = "00000000-0000-0000-0000-000000000000";
    for (arguments, said) in [
        (&["show", "deadbeef"][..], "there is no incident `deadbeef`"),
        (&["show", nobody], "there is no incident 00000000-0000-0000-0000-000000000000"),
        (&["history", nobody], "there is no incident 00000000-0000-0000-0000-000000000000"),
        (&["remove", nobody], "there is no incident 00000000-0000-0000-0000-000000000000"),
        (&["show", nobody, "--at-version", "1"], "there is no incident 00000000-0000-0000-0000-000000000000"),
        (&["show", "mouse"], "`mouse` is not the number of an incident"),
        (&["show", ""], "`` is not the number of an incident"),
        (&["show", incident, "--at-version", "9"], "has no version 9 yet: it is at 1"),
        (&["show", incident, "--at-version", "0"], "at version 0"),
        (&["change", incident, "x", "--expect", "9"], "has no version 9 yet: it is at 1"),
        (&["reopen", incident, "x", "--to", "1"], "it is still open"),
        (&["import", "nowhere.jsonl"], "cannot read nowhere.jsonl: No such file"),
    ] {
        let told = desk.fail(1, arguments);
        assert!(told.starts_with("helpdesk: ") && told.contains(said), "{arguments:?}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    for (arguments, said) in [
        (&["show", incident, "--at-version", "-1"][..], "`-1` is not a version"),
        (&["show", incident, "--at-time", "noon"], "use a time in UTC such as"),
        (&["report", "x", "--reporter", "ann"], "users have numbers, such as 7"),
        (&["lst"], "a similar subcommand exists: 'list'"),
    ] {
        let told = desk.fail(2, arguments);
        assert!(told.contains(said), "{arguments:?}: {told}");
    }
}

#[test]
fn what_is_no_store_is_left_alone() {
    let desk = Desk::new();
    desk.report("mouse broken");
    let whole = std::fs::read(desk.file("helpdesk.db")).unwrap();
    for (name, content) in [("text.db", &b"dear diary"[..]), ("truncated.db", &whole[..5000])] {
        let file = desk.file(name);
        std::fs::write(&file, content).unwrap();
        let told = desk.fail(1, &["list", "--store", &format!("sqlite:{}", file.display())]);
        assert!(told.lines().count() == 1 && told.contains(name), "{told}");
        assert_eq!(std::fs::read(file).unwrap(), content);
    }
    for (url, said) in [
        ("sqllite:helpdesk.db", "does not name a store"),
        ("helpdesk.db", "does not name a store"),
        ("sqlite:", "no file is named"),
        ("sqlite:helpdesk.db?sync=off", "no option `sync`"),
        ("sqlite:no/such/directory/helpdesk.db", "no/such/directory"),
    ] {
        let told = desk.fail(1, &["list", "--store", url]);
        assert!(told.lines().count() == 1 && told.contains(said), "{told}");
    }
}

/// What somebody types is shown, and does nothing to the terminal.
#[test]
fn text_stays_in_its_line() {
    let desk = Desk::new();
    let incident = desk.report("two\nlines \u{1b}[31mred");
    for arguments in [&["list"][..], &["show", &incident], &["history", &incident]] {
        let printed = desk.run(arguments);
        assert!(printed.contains("two lines  [31mred"), "{printed}");
    }
}

#[test]
fn the_tour_tells_its_story_and_leaves_it_to_be_asked() {
    let desk = Desk::new();
    let story = desk.run(&["tour"]);
    for told in [
        r#"asked  {"Report":{"reporter":1,"text":"mouse broken"}} by ann"#,
        "recorded  v1: reported by user 1: mouse broken",
        "state  v4: left mouse button broken (closed: new mouse, assigned to user 2, edited once)",
        "is at version 4, you expected 3; since then: closed: new mouse",
        "refused  incident",
        "recorded  v8: ",
        "was removed",
    ] {
        assert!(story.contains(told), "{told}\nis not in\n{story}");
    }
    // What it proposes at its end works.
    let (_, proposed) = story.split_once("to show:\n").unwrap();
    assert_eq!(proposed.lines().count(), 5);
    for command in proposed.lines() {
        let arguments: Vec<_> = command.split_whitespace().skip(1).collect();
        assert!(!desk.run(&arguments).is_empty(), "{command}");
    }
}

#[test]
fn the_tour_leaves_what_is_there_alone() {
    let desk = Desk::new();
    desk.report("mouse broken");
    let before = desk.run(&["list"]);
    assert!(desk.fail(1, &["tour"]).contains("name another one"));
    assert_eq!(desk.run(&["list"]), before);
    assert!(desk.run(&["tour", "--store", "memory:"]).contains("Every version"));
}
