//! What the README says to type is typed.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::{env, io::Write, process::Command};

use support::{Desk, service::Service};

const README: &str = include_str!("../README.md");

#[test]
fn the_samples_of_the_readme_do_what_it_says() {
    if Command::new("curl").arg("--version").output().is_err() {
        let missing = "curl is not installed (Debian: apt-get install curl)";
        assert!(env::var("FACTUM_SERVERS").as_deref() != Ok("required"), "{missing}");
        let _ = writeln!(std::io::stderr(), "\nNOT TESTED: the samples of the README, because {missing}");
        return;
    }
    let desk = Desk::new();
    let service = Service::start(&desk);
    let script = README.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let script = script.replace("http://127.0.0.1:8080", &service.url());
    let output = Command::new("sh").args(["-euc", &script]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let statuses: Vec<_> =
        said.split("HTTP/1.1 ").skip(1).map(|answer| answer.split(' ').next().unwrap()).collect();
    let expected =
        ["201", "201", "200", "200", "412", "428", "200", "409", "200", "200", "200", "200", "200", "200"];
    assert_eq!(statuses, expected, "{said}");
    for told in ["\"since\":[{", "assigned to user 3", "event: happened", "\"text\":\"printer broken\""] {
        assert!(said.contains(told), "{told}\nis not in\n{said}");
    }
}
