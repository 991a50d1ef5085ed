//! The tour as a person sees it.
#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::process::Command;

use evolution::mistakes::MISTAKES;

#[test]
fn it_shows_what_was_what_is_and_what_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.db");
    let tour = || Command::new(env!("CARGO_BIN_EXE_evolution")).arg("tour").arg(&file).output().unwrap();
    let output = tour();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let story = String::from_utf8(output.stdout).unwrap();
    for told in [
        r#"Joined 1  {"name":"Ada Byron","address":"12 High Street, Ely"}"#,
        r#"5  NameChanged { given: "Ada", family: "Lovelace" }"#,
        r#"BookLent 3  {"book":"Ulysses","for_days":7,"branch":"Harbour"}"#,
        "The 12 events of before are what they were",
        "It was used 0 times",
    ] {
        assert!(story.contains(told), "{told}\nis not in\n{story}");
    }
    for mistake in MISTAKES {
        let error = mistake.text.lines().find(|line| line.starts_with("error")).unwrap();
        assert!(story.contains(error), "{error}\nis not in\n{story}");
    }
    // A file that is there is left alone.
    let again = tour();
    assert!(!again.status.success());
    assert!(String::from_utf8(again.stderr).unwrap().contains("name a file that is not there yet"));
}
