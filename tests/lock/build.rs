//! A crate from its first publication on, built by cargo: the derive, the test, and that neither looks at what was.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Output},
};

const MANIFEST: &str = r#"
[package]
name = "orders"
version = "0.0.0"
edition = "2024"

[dependencies]
factum = { path = "RUNTIME", default-features = false, features = ["testing"] }

[workspace]
"#;

const SOURCE: &str = "
//! Orders.

use factum::Aggregate;

/// What somebody wants.
#[derive(Aggregate)]
#[aggregate(locked)]
#[events {
    #[creates]
    Placed { total },
    #[ends]
    Cancelled { #[audit] reason: String },
}]
#[commands { Place => Placed, Cancel => Cancelled }]
pub struct Order {
    #[id]
    number: u64,
    total: u32,
}

factum::locked!(Order);
";

struct Crate(PathBuf);

impl Crate {
    fn new() -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("orders");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("src")).unwrap();
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
        let runtime = root.join("runtime");
        fs::write(folder.join("Cargo.toml"), MANIFEST.replace("RUNTIME", runtime.to_str().unwrap())).unwrap();
        // The versions that are here already.
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        let krate = Self(folder);
        krate.write("src/lib.rs", SOURCE);
        krate
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn cargo(&self, command: &str, variable: Option<&str>) -> Output {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([command, "--offline", "--color", "never"]).current_dir(&self.0).env_remove("FACTUM_LOCK");
        cargo.env("CARGO_TARGET_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/expand"));
        if let Some(value) = variable {
            cargo.env("FACTUM_LOCK", value);
        }
        cargo.output().unwrap()
    }

    /// Builds or tests, and gives what was written.
    fn passes(&self, command: &str, variable: Option<&str>) -> String {
        let output = self.cargo(command, variable);
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{text}");
        text
    }

    /// The compiler's message.
    fn fails(&self, variable: Option<&str>) -> String {
        let output = self.cargo("check", variable);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{text}");
        text
    }
}

#[test]
fn no_answer_is_stale() {
    let krate = Crate::new();
    let absent = krate.fails(None);
    assert!(absent.contains("error: `locked`, but there is no `factum.lock/order.events`"), "{absent}");
    assert!(absent.contains("--> src/lib.rs:8:13"), "{absent}");

    krate.passes("test", Some("update"));
    let events = krate.read("factum.lock/order.events");
    assert_eq!(
        events,
        "factum.lock 1\ncategory order\n\nevent Cancelled 1 { reason: String }\nevent Placed 1 { total: u32 }\n"
    );
    krate.passes("check", None);
    krate.passes("test", None);

    // The file changes, and nothing else.
    krate.write("factum.lock/order.events", &events.replace("u32", "u64"));
    let changed = krate.fails(None);
    for part in [
        "error: `Placed` was published and has changed without a new schema version",
        "published (schema 1): { total: u64 }",
        "declared  (schema 1): { total: u32 }",
        "give the event `#[schema(2)]`",
        // At the field.
        "--> src/lib.rs:11:14",
    ] {
        assert!(changed.contains(part), "{part} is not in\n{changed}");
    }
    assert_eq!(
        changed.matches("error: ").count(),
        2,
        "the mistake, and that the crate could not be compiled: {changed}"
    );
    krate.passes("check", Some("update"));
    krate.fails(None);
    krate.write("factum.lock/order.events", &events);
    krate.passes("check", None);

    // The file goes, and comes back.
    fs::remove_file(krate.0.join("factum.lock/order.events")).unwrap();
    krate.fails(None);
    krate.write("factum.lock/order.events", &events);
    krate.passes("check", None);

    // A change of the source that is accepted, and told although the test passes.
    krate.write("src/lib.rs", &SOURCE.replace("total: u32", "total: String"));
    krate.fails(None);
    let told = krate.passes("test", Some("update"));
    assert!(told.contains("factum.lock: order: REPLACED: `Placed` was published and has changed"), "{told}");
    assert!(
        told.contains("factum.lock: order: REMOVED: the payload of `Placed` (schema 1) {\"total\":"),
        "{told}"
    );
    assert!(krate.read("factum.lock/order.payloads").contains("event Placed 1 {\"total\":\"total\"}\n"));
    krate.passes("test", None);
}
