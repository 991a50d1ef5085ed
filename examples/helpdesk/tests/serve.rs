//! The help desk over HTTP.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::{collections::BTreeSet, thread};

use serde_json::{Value, json};
use support::{Desk, service::Service};

const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// A service, and an incident in it.
fn serve(desk: &Desk) -> (Service, String) {
    let service = Service::start(desk);
    let number = service.report("mouse broken");
    (service, format!("/incidents/{number}"))
}

#[test]
fn an_incident_from_the_report_to_the_removal() {
    let desk = Desk::new();
    let service = Service::start(&desk);
    let report = service.post("/incidents?by=ann", &[], r#"{"Report":{"reporter":7,"text":"mouse broken"}}"#);
    assert_eq!((report.status(), report.header("etag")), (201, Some("\"1\"")));
    let path = report.header("location").unwrap();
    let first = service.get(path);
    assert_eq!((first.status(), first.header("etag")), (200, Some("\"1\"")));
    let number = first.json()["number"].clone();
    let expected = json!({
        "number": number, "reporter": 7, "text": "mouse broken", "assignee": null, "solution": null, "status": "Open",
        "edits": 0, "version": 1, "removed": false
    });
    assert_eq!(first.json(), expected);

    let command = |version: u64, command: &str| {
        let seen = format!("\"{version}\"");
        let answer = service.post(path, &[("If-Match", &seen)], command);
        assert_eq!(answer.status(), 200, "{answer:?}");
        (answer.header("etag").unwrap().to_owned(), answer.json()["events"][0]["words"].clone())
    };
    assert_eq!(command(1, r#"{"Assign":{"to":3}}"#), ("\"2\"".to_owned(), json!("assigned to user 3")));
    assert_eq!(command(2, r#"{"Close":{"solution":"new mouse"}}"#).0, "\"3\"");
    // One command, two events.
    assert_eq!(command(3, r#"{"Reopen":{"reason":"broke again","to":4}}"#).0, "\"5\"");

    // The past, by version and by time.
    assert_eq!(service.get(&format!("{path}?version=1")).body, first.body);
    let history = service.get(&format!("{path}/history")).json();
    let events = history["events"].as_array().unwrap();
    assert_eq!(
        events.iter().map(|event| event["version"].as_u64().unwrap()).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5]
    );
    assert_eq!((&events[0]["by"], &history["next"]), (&json!("ann"), &Value::Null));
    assert_eq!(events[2]["event"], json!({ "Closed": { "solution": "new mouse" } }));
    let at = events[2]["at"].as_str().unwrap();
    assert_eq!(service.get(&format!("{path}?at={at}")).json()["status"], "Closed");
    assert_eq!(service.get(&format!("{path}?at=2001-01-01T00:00:00Z")).problem(), "not-yet");
    // In parts.
    let part = service.get(&format!("{path}/history?limit=2&after=1")).json();
    assert_eq!((&part["events"][1]["version"], &part["next"]), (&json!(3), &json!(3)));

    // What a client has already is not sent again.
    let known = service.send("GET", path, &[("If-None-Match", "\"5\"")], "");
    assert_eq!((known.status(), known.body.as_str()), (304, ""));

    assert_eq!(command(5, r#""Remove""#).0, "\"6\"");
    assert_eq!(service.get(path).json()["removed"], true);
    assert_eq!(service.get("/incidents").json()["incidents"], json!([]));
    let late = service.post(path, &[("If-Match", "*")], r#"{"ChangeText":{"text":"x"}}"#);
    assert_eq!((late.status(), late.problem()), (409, "removed".to_owned()));
}

#[test]
fn who_was_slower_learns_what_happened() {
    let desk = Desk::new();
    let (service, path) = serve(&desk);
    service.post(
        &format!("{path}?by=bob"),
        &[("If-Match", "\"1\"")],
        r#"{"Close":{"solution":"new mouse"}}"#,
    );
    let slow = service.post(&path, &[("If-Match", "\"1\"")], r#"{"ChangeText":{"text":"x"}}"#);
    assert_eq!(
        (slow.status(), slow.problem(), slow.header("etag")),
        (412, "changed-meanwhile".to_owned(), Some("\"2\""))
    );
    let told = slow.json();
    assert_eq!((&told["expected"], &told["actual"]), (&json!(1), &json!(2)));
    assert_eq!(
        (&told["since"][0]["words"], &told["since"][0]["by"]),
        (&json!("closed: new mouse"), &json!("bob"))
    );
    // Whoever does not care about versions meets the rule itself.
    let refused = service.post(&path, &[("If-Match", "*")], r#"{"ChangeText":{"text":"x"}}"#);
    assert_eq!((refused.status(), refused.problem()), (409, "already-closed".to_owned()));
    assert_eq!(service.get(&path).json()["version"], 2);
}

#[test]
fn a_command_under_a_key_takes_effect_once() {
    let desk = Desk::new();
    let (service, path) = serve(&desk);
    let report = || {
        let command = r#"{"Report":{"reporter":1,"text":"printer broken"}}"#;
        service.post("/incidents", &[("Idempotency-Key", "\"0d5c\"")], command)
    };
    let answers: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(report)).collect();
        all.into_iter().map(|answer| answer.join().unwrap()).collect()
    });
    assert_eq!(
        answers.iter().map(|answer| answer.body.as_str()).collect::<BTreeSet<_>>().len(),
        1,
        "{answers:?}"
    );
    assert_eq!(answers[0].status(), 201);

    let close = |solution: &str| {
        let command = json!({ "Close": { "solution": solution } }).to_string();
        service.post(&path, &[("If-Match", "\"1\""), ("Idempotency-Key", "a5f0")], &command)
    };
    let first = close("new mouse");
    // The version is another one by now, and the answer is the first one all the same.
    assert_eq!((first.status(), &close("new mouse").body), (200, &first.body));
    let other = close("two mice");
    assert_eq!((other.status(), other.problem()), (422, "key-reused".to_owned()));
    assert_eq!(service.get(&path).json()["version"], 2);
    assert_eq!(service.get("/incidents").json()["incidents"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_wrong_is_said_as_a_problem() {
    let desk = Desk::new();
    let (service, path) = serve(&desk);
    let nobody = format!("/incidents/{NOBODY}");
    for (asked, status, problem) in [
        ("/nothing".to_owned(), 404, "no-such-page"),
        (nobody.clone(), 404, "no-such-incident"),
        (format!("{nobody}?version=1"), 404, "no-such-incident"),
        (format!("{nobody}/history"), 404, "no-such-incident"),
        (format!("{path}?version=9"), 404, "no-such-version"),
        (format!("{path}?version=0"), 404, "no-such-incident"),
        (format!("{path}?version=-1"), 400, "invalid-request"),
        (format!("{path}?version=1&at=2026-01-01T00:00:00Z"), 400, "invalid-request"),
        (format!("{path}?vresion=1"), 400, "invalid-request"),
        ("/incidents/mouse".to_owned(), 400, "invalid-number"),
        ("/incidents/%ff".to_owned(), 400, "invalid-request"),
        ("/incidents?after=x".to_owned(), 400, "invalid-request"),
        ("/events?after=x".to_owned(), 400, "invalid-request"),
    ] {
        let answer = service.get(&asked);
        assert_eq!((answer.status(), answer.problem().as_str()), (status, problem), "{asked}");
    }
    let close = r#"{"Close":{"solution":"x"}}"#;
    let any = ("If-Match", "*");
    for (path, headers, command, status, problem) in [
        (&path, &[][..], close, 428, "version-required"),
        (&path, &[("If-Match", "W/\"1\"")], close, 400, "invalid-request"),
        (&path, &[("If-Match", "\"1\", \"2\"")], close, 400, "invalid-request"),
        (&path, &[any, ("Idempotency-Key", "")], close, 400, "invalid-request"),
        (&path, &[any], r#"{"Reopen":{"reason":"x","to":1}}"#, 409, "still-open"),
        (&path, &[any], r#"{"Report":{"reporter":1,"text":"x"}}"#, 409, "exists"),
        (&path, &[any], r#"{"Clse":{"solution":"x"}}"#, 422, "not-a-command"),
        (&path, &[any], r#"{"Close":{}}"#, 422, "not-a-command"),
        (&path, &[any], r#"{"Assign":{"to":-1}}"#, 422, "not-a-command"),
        (&path, &[any], r#"{"Assign":{"to":18446744073709551615}}"#, 422, "does-not-fit"),
        (&path, &[any], "{", 400, "invalid-request"),
        (&path, &[any], "", 400, "invalid-request"),
        (&nobody, &[any], close, 404, "no-such-incident"),
        (&nobody, &[("If-Match", "\"3\"")], close, 404, "no-such-incident"),
        (&"/incidents".to_owned(), &[any], close, 422, "not-a-command"),
    ] {
        let answer = service.post(path, headers, command);
        assert_eq!(
            (answer.status(), answer.problem().as_str()),
            (status, problem),
            "{path} {headers:?} {command}"
        );
    }
    // The README tells all of them.
    let readme = include_str!("../README.md");
    let problems = include_str!("../src/serve/problem.rs").split("(StatusCode::").skip(1);
    for problem in problems.map(|line| line.split('"').nth(1).unwrap()) {
        assert!(readme.contains(&format!("`{problem}`")), "{problem}");
    }
    // A form of another site cannot send JSON without asking.
    let form = service.send("POST", &path, &[any, ("Content-Type", "text/plain")], close);
    assert_eq!((form.status(), form.problem()), (415, "not-json".to_owned()));
    let long = json!({ "ChangeText": { "text": "x".repeat(100_000) } }).to_string();
    let large = service.post(&path, &[any], &long);
    assert_eq!((large.status(), large.problem()), (413, "too-large".to_owned()));
    let method = service.send("DELETE", &path, &[], "");
    assert_eq!((method.status(), method.problem()), (405, "no-such-method".to_owned()));
    assert!(service.raw(b"nonsense\r\n\r\n").head.starts_with("HTTP/1.1 400"));
    assert_eq!(service.get(&path).json()["version"], 1, "nothing was recorded");
}

#[test]
fn the_list_comes_in_pages() {
    let desk = Desk::new();
    let service = Service::start(&desk);
    let numbers: Vec<_> = (0..5).map(|number| service.report(&format!("mouse {number}"))).collect();
    service.post(
        &format!("/incidents/{}", numbers[1]),
        &[("If-Match", "*")],
        r#"{"Close":{"solution":"x"}}"#,
    );
    service.post(&format!("/incidents/{}", numbers[2]), &[("If-Match", "*")], r#"{"Assign":{"to":3}}"#);
    let (mut found, mut next) = (Vec::new(), String::new());
    loop {
        let page = service.get(&format!("/incidents?open=true&limit=2{next}")).json();
        found.extend(
            page["incidents"].as_array().unwrap().iter().map(|row| row["text"].as_str().unwrap().to_owned()),
        );
        let Some(place) = page["next"].as_str() else { break };
        next = format!("&after={place}");
    }
    assert_eq!(found, ["mouse 4", "mouse 3", "mouse 2", "mouse 0"]);
    let assigned = service.get("/incidents?assignee=3").json();
    assert_eq!(
        (&assigned["incidents"][0]["number"], assigned["incidents"].as_array().unwrap().len()),
        (&json!(numbers[2]), 1)
    );
    let work = service.get("/workload").json();
    assert_eq!(work[0], json!({ "user": 3, "open": 1, "assigned": 1, "reported": 0 }));
    assert_eq!(work[1], json!({ "user": 7, "open": 0, "assigned": 0, "reported": 5 }));
}

#[test]
fn what_happens_is_told_live_and_nothing_is_missed() {
    let desk = Desk::new();
    let service = Service::start(&desk);
    let mut live = service.watch("/events", &[]);
    let number = service.report("mouse broken");
    let (first, told) = live.next().unwrap();
    assert_eq!(
        (&told["number"], &told["version"], &told["name"]),
        (&json!(number), &json!(1), &json!("Reported"))
    );
    // What another process records.
    desk.run(&["assign", &number, "3", "--by", "ann"]);
    let (_, told) = live.next().unwrap();
    assert_eq!((&told["name"], &told["by"]), (&json!("Assigned"), &json!("ann")));
    drop(live);

    // Whoever comes back goes on where they were, from the beginning if they say so.
    desk.run(&["close", &number, "new mouse"]);
    let mut again = service.watch("/events", &[("Last-Event-ID", &first)]);
    let names: Vec<_> = (0..2).map(|_| again.next().unwrap().1["name"].clone()).collect();
    assert_eq!(names, ["Assigned", "Closed"]);
    let mut all = service.watch("/events?after=0", &[]);
    assert_eq!(all.next().unwrap().0, first);

    // A list says from where on what comes later is told.
    let position = service.get("/incidents").json()["position"].as_str().unwrap().to_owned();
    let mut after = service.watch(&format!("/events?after={position}"), &[]);
    service.report("printer broken");
    assert_eq!(after.next().unwrap().1["name"], "Reported");
}

#[test]
fn it_stops_when_it_is_told_to_and_says_goodbye() {
    for signal in ["-INT", "-TERM"] {
        let desk = Desk::new();
        let mut service = Service::start(&desk);
        service.report("mouse broken");
        let mut live = service.watch("/events?after=0", &[]);
        live.next().unwrap();
        service.signal(signal);
        assert_eq!(live.next(), None, "whoever watches is not kept waiting");
        assert!(service.end().success());
        // Nothing is left that another one would have to wait for.
        assert!(desk.run(&["list"]).contains("mouse broken"));
    }
}

#[test]
fn an_address_that_is_taken_is_said_in_one_line() {
    let desk = Desk::new();
    let service = Service::start(&desk);
    let told = desk.fail(1, &["serve", "--address", &service.address]);
    assert!(told.contains("cannot listen on") && told.lines().count() == 1, "{told}");
    assert!(desk.fail(2, &["serve", "--address", "nowhere"]).contains("invalid socket address"));
}
