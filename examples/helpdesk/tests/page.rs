//! The page, in a browser.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use support::{Desk, browser::Browser, service::Service};

/// A desk with a few incidents; the number of the one to which most has happened.
fn furnished(service: &Service) -> String {
    let others = ["projector in room 4 flickers", "the wiki is slow", "door card refused"];
    for (user, text) in (2..).zip(others) {
        let number = service.report(text);
        let assign = format!(r#"{{"Assign":{{"to":{user}}}}}"#);
        service.post(&format!("/incidents/{number}?by=ann"), &[("If-Match", "\"1\"")], &assign);
    }
    let mouse = service.report("mouse broken");
    for (version, by, command) in [
        (1, "ann", r#"{"ChangeText":{"text":"left mouse button broken"}}"#),
        (2, "ann", r#"{"Assign":{"to":2}}"#),
        (3, "bob", r#"{"Close":{"solution":"new mouse"}}"#),
        (4, "ann", r#"{"Reopen":{"reason":"the new one broke, too","to":3}}"#),
    ] {
        let seen = format!("\"{version}\"");
        let answer = service.post(&format!("/incidents/{mouse}?by={by}"), &[("If-Match", &seen)], command);
        assert_eq!(answer.status(), 200, "{answer:?}");
    }
    mouse
}

#[test]
fn incidents_are_seen_as_they_are_and_as_they_were() {
    let Some(mut browser) = Browser::start() else { return };
    let (desk, arrow_left) = (Desk::new(), 37);
    let service = Service::start(&desk);
    let mouse = furnished(&service);
    browser.open(&service.url());
    browser.wait_for("document.querySelectorAll('#list a').length === 4");
    browser.wait_for("document.getElementById('live').innerText === 'live'");
    browser.wait_for("document.getElementById('workload').innerText.includes('user 3')");
    browser.picture("home.png");

    // From the list with the keyboard, to what the incident is.
    browser.evaluate(&format!("document.querySelector('a[href=\"#{mouse}\"]').focus()"));
    browser.press_enter();
    browser.wait_for("document.getElementById('version').innerText === 'Version 6 of 6'");
    assert_eq!(browser.text("text"), "left mouse button broken");
    assert!(browser.text("state-assignee").starts_with("user 3"));
    assert!(browser.text("history").contains("closed: new mouse"));

    // Back in time, one version with each press of the arrow: before it was opened again, and to the first one.
    browser.evaluate("document.getElementById('slider').focus()");
    browser.press("ArrowLeft", arrow_left);
    browser.press("ArrowLeft", arrow_left);
    browser.wait_for("document.getElementById('version').innerText === 'Version 4 of 6'");
    browser.wait_for(
        "document.getElementById('state-title').innerText.toLowerCase() === 'as it was at version 4'",
    );
    assert_eq!(browser.text("state-solution"), "new mouse before: none");
    assert_eq!(browser.text("status"), "closed");
    assert_eq!(browser.evaluate("document.getElementById('commands').hidden"), true);
    browser.picture("past.png");
    browser.scheme("dark");
    browser.picture("dark.png");
    browser.size(420, 900);
    browser.picture("narrow.png");
    for _ in 0..3 {
        browser.press("ArrowLeft", arrow_left);
    }
    browser.wait_for("document.getElementById('text').innerText === 'mouse broken'");
    assert_eq!(browser.text("version"), "Version 1 of 6");
    assert_eq!(browser.faults, [""; 0]);
}

#[test]
fn what_others_do_is_seen_at_once() {
    let Some(mut browser) = Browser::start() else { return };
    let desk = Desk::new();
    let service = Service::start(&desk);
    let mouse = service.report("mouse broken");
    browser.open(&format!("{}/#{mouse}", service.url()));
    browser.wait_for("document.getElementById('version').innerText === 'Version 1 of 1'");
    browser.wait_for("document.getElementById('live').innerText === 'live'");

    // Through the service, and through another process on the same store.
    service.post(&format!("/incidents/{mouse}?by=bob"), &[("If-Match", "*")], r#"{"Assign":{"to":2}}"#);
    browser.wait_for("document.getElementById('version').innerText === 'Version 2 of 2'");
    browser.wait_for("document.getElementById('state-assignee').innerText.startsWith('user 2')");
    browser.wait_for("document.getElementById('list').innerText.includes('user 2')");
    // What somebody typed is text.
    desk.run(&["report", "<img src=x onerror=alert(1)>", "--reporter", "1"]);
    browser.wait_for("document.getElementById('list').innerText.includes('<img src=x onerror=alert(1)>')");
    assert_eq!(browser.evaluate("document.querySelectorAll('img').length"), 0);
    desk.run(&["close", &mouse, "new mouse", "--by", "carl"]);
    browser.wait_for("document.getElementById('status').innerText === 'closed'");
    assert!(browser.text("history").contains("by carl"));
    // Who looks at the past stays there.
    browser.evaluate("document.getElementById('back').click()");
    browser.wait_for("document.getElementById('version').innerText === 'Version 2 of 3'");
    desk.run(&["reopen", &mouse, "broke again", "--to", "2"]);
    browser.wait_for("document.getElementById('version').innerText === 'Version 2 of 4'");
    desk.run(&["remove", &mouse]);
    browser.wait_for("!document.getElementById('list').innerText.includes('mouse broken')");
    assert_eq!(browser.faults, [""; 0]);
}

#[test]
fn a_service_that_comes_back_has_been_missed_by_nobody() {
    let Some(mut browser) = Browser::start() else { return };
    let desk = Desk::new();
    let mut service = Service::start(&desk);
    let mouse = service.report("mouse broken");
    browser.open(&format!("{}/#{mouse}", service.url()));
    browser.wait_for("document.getElementById('live').innerText === 'live'");
    browser.wait_for("document.getElementById('version').innerText === 'Version 1 of 1'");
    service.signal("-TERM");
    assert!(service.end().success());
    browser.wait_for("document.getElementById('live').innerText === 'connection lost, trying again'");
    // What is sent now is not lost, and not done twice when it is sent again.
    browser.type_into("#c-to", "5");
    browser.press_enter();
    browser.wait_for("document.querySelector('#commands .note').innerText.includes('cannot be reached')");
    desk.run(&["report", "printer broken", "--reporter", "1"]);

    let service = Service::start_at(&desk, &service.address);
    browser.wait_for("document.getElementById('list').innerText.includes('printer broken')");
    browser.wait_for("document.getElementById('live').innerText === 'live'");
    browser.press_enter();
    browser.wait_for("document.getElementById('state-assignee').innerText.startsWith('user 5')");
    assert_eq!(service.get(&format!("/incidents/{mouse}")).json()["version"], 2);
    assert_eq!(browser.faults, [""; 0]);
}

#[test]
fn who_was_slower_is_told_and_loses_nothing() {
    let Some(mut browser) = Browser::start() else { return };
    let desk = Desk::new();
    let service = Service::start(&desk);
    let mouse = furnished(&service);
    browser.open(&format!("{}/#{mouse}", service.url()));
    browser.wait_for("document.getElementById('version').innerText === 'Version 6 of 6'");
    browser.type_into("#by", "carl");
    browser.type_into("#c-solution", "a third mouse");
    // Somebody else is faster. That is seen while typing, and told when it is sent.
    service.post(&format!("/incidents/{mouse}?by=bob"), &[("If-Match", "*")], r#"{"Assign":{"to":9}}"#);
    browser.wait_for("document.querySelector('#commands .note').innerText.includes('assigned to user 9')");
    browser.picture("noticed.png");
    browser.press_enter();
    browser.wait_for("document.getElementById('conflict').open");
    let told = browser.text("conflict");
    for words in ["You have seen version 6", "at version 7", "assigned to user 9, before to user 3 by bob"] {
        assert!(told.contains(words), "{told}");
    }
    assert!(browser.text("status") == "open", "nothing was recorded");
    browser.picture("conflict.png");
    // Having looked, the same words go through.
    browser.press_enter();
    browser
        .wait_for("!document.getElementById('conflict').open && document.activeElement.id === 'c-solution'");
    assert_eq!(browser.evaluate("document.activeElement.value"), "a third mouse");
    browser.press_enter();
    browser.wait_for("document.getElementById('status').innerText === 'closed'");
    assert!(browser.text("history").contains("closed: a third mouse"));
    let history = service.get(&format!("/incidents/{mouse}/history")).json();
    assert_eq!(
        (&history["events"][7]["by"], &history["events"][8]),
        (&"carl".into(), &serde_json::Value::Null)
    );

    // A new one, from the page.
    browser.evaluate("document.getElementById('new').click()");
    browser.type_into("#report textarea", "keyboard sticks");
    browser.type_into("#report [name=reporter]", "5");
    browser.press_enter();
    browser.wait_for("document.getElementById('text').innerText === 'keyboard sticks'");
    assert_eq!(browser.text("version"), "Version 1 of 1");
    assert_eq!(browser.faults, [""; 0]);
}
