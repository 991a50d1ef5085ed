//! Imports, proved from the store.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    process::Stdio,
    thread,
    time::Duration,
};

use factum::{
    Aggregate, Fold, Position, Recorded,
    store::{CommitId, Filter},
};
use helpdesk::domain::{Incident, IncidentCommand, IncidentEvent, IncidentNumber};
use support::Desk;

/// What is recorded: for each line of the file the commits that it led to, and for each incident its events.
#[derive(Default)]
struct Proof {
    lines: HashMap<u64, Vec<CommitId>>,
    incidents: BTreeMap<IncidentNumber, Vec<(u64, IncidentEvent)>>,
}

async fn prove(desk: &Desk) -> Proof {
    let store = factum::open(&format!("sqlite:{}", desk.file("helpdesk.db").display())).await.unwrap();
    let (mut proof, mut after) = (Proof::default(), Position::START);
    let filter = Filter::category(Incident::CATEGORY);
    loop {
        let page = store.read_all(&filter, after, 5000).await.unwrap();
        for event in page.events {
            let recorded = Recorded::<IncidentEvent>::decode(event).unwrap().one().unwrap();
            let cause = recorded.metadata().causation_id.clone().unwrap();
            let line = cause.split(':').nth(1).unwrap().parse().unwrap();
            let commits = proof.lines.entry(line).or_default();
            let commit = CommitId::from_uuid(recorded.id.0);
            if !commits.contains(&commit) {
                commits.push(commit);
            }
            let number = recorded.stream.parse_id::<Incident>().unwrap();
            proof.incidents.entry(number).or_default().push((line, recorded.event));
        }
        if page.end {
            return proof;
        }
        after = page.last;
    }
}

impl Proof {
    /// Exactly these lines led to events, each by one commit; those of an incident in the order of the file.
    fn holds(&self, lines: impl IntoIterator<Item = u64>) {
        let mut recorded: Vec<_> = self.lines.keys().copied().collect();
        recorded.sort_unstable();
        assert_eq!(recorded, lines.into_iter().collect::<Vec<_>>());
        for (line, commits) in &self.lines {
            assert_eq!(commits.len(), 1, "line {line} was recorded {} times", commits.len());
        }
        for (number, events) in &self.incidents {
            assert!(events.is_sorted_by_key(|(line, _)| *line), "incident {number} is out of order");
            let mut fold = Fold::<Incident>::new(*number);
            for (_, event) in events {
                fold.apply(event.clone()).unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_commands_are_recorded_once_each() {
    let desk = Desk::new();
    desk.run(&["generate", "100000", "commands.jsonl"]);
    let said = desk.run(&["import", "commands.jsonl"]);
    assert!(said.starts_with("100,000 commands recorded"), "{said}");
    prove(&desk).await.holds(1..=100_000);

    // Again: nothing is recorded twice.
    let said = desk.run(&["import", "commands.jsonl"]);
    assert!(said.contains("100,000 lines were recorded by an earlier run"), "{said}");
    prove(&desk).await.holds(1..=100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_import_goes_on_where_it_was() {
    let desk = Desk::new();
    desk.run(&["generate", "5000", "commands.jsonl"]);
    let mut killed = 0;
    for attempt in 0..8 {
        let mut import = desk
            .program(&["import", "commands.jsonl"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(40 + 10 * attempt));
        import.kill().unwrap();
        killed += u32::from(!import.wait().unwrap().success());
    }
    assert!(killed > 0, "every import was too fast to be killed");
    desk.run(&["import", "commands.jsonl"]);
    prove(&desk).await.holds(1..=5000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_may_be_as_other_systems_write_it() {
    let desk = Desk::new();
    desk.run(&["generate", "300", "generated.jsonl"]);
    let lines = fs::read_to_string(desk.file("generated.jsonl")).unwrap();
    let elsewhere = format!("\u{feff}{}", lines.trim_end().replace('\n', "\r\n"));
    fs::write(desk.file("commands.jsonl"), elsewhere).unwrap();
    desk.run(&["import", "commands.jsonl"]);
    prove(&desk).await.holds(1..=300);
    assert!(desk.run(&["import", "commands.jsonl"]).contains("300 lines were recorded by an earlier run"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_line_is_named_and_loses_nothing() {
    let desk = Desk::new();
    let number = IncidentNumber::new();
    let line = |command: &IncidentCommand| {
        format!(r#"{{"number": "{number}", "command": {}}}"#, serde_json::to_string(command).unwrap())
    };
    let report = line(&IncidentCommand::Report { reporter: 7.into(), text: "mouse broken".into() });
    let change = line(&IncidentCommand::ChangeText { text: "mice broken".into() });
    let close = line(&IncidentCommand::Close { solution: "new mice".into() });
    let write = |fifth: &str| {
        let lines = [
            &report,
            "",
            "no JSON",
            &change,
            fifth,
            r#"{"number": 1, "command": "Remove"}"#,
            &close,
            &change,
        ];
        fs::write(desk.file("commands.jsonl"), lines.join("\n")).unwrap();
    };

    write(r#"{"number": "x", "command": {"Assign": {"too": 3}}}"#);
    let output = desk.output(&["import", "commands.jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    let complaints = String::from_utf8(output.stderr).unwrap();
    let mut complaints: Vec<_> = complaints.lines().collect();
    complaints.sort_unstable();
    let begins: Vec<_> = complaints.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(begins, ["helpdesk", "line 3", "line 5", "line 6", "line 8"], "{complaints:?}");
    assert!(complaints[1].starts_with("line 3: not a command: "), "{complaints:?}");
    assert!(complaints[4].ends_with("it is closed already"), "{complaints:?}");
    prove(&desk).await.holds([1, 4, 7]);

    // One is corrected: it is recorded now, and nothing else again.
    write(&line(&IncidentCommand::Reopen { reason: "broken again".into(), to: 3.into() }));
    assert!(desk.fail(1, &["import", "commands.jsonl"]).contains("2 lines were not recorded"));
    let proof = prove(&desk).await;
    assert_eq!(proof.lines.len(), 5, "the reopening, and the change on line 8 that it made possible");
    assert!(proof.lines.values().all(|commits| commits.len() == 1));
}
