//! What the derive costs to compile: `cargo check` of a crate of 100 aggregates, annotated, against the same 100 by hand
//! with serde's derives alone, in turns.
//!
//! `cargo run --release -p factum-benches --bin compile`

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use factum_benches::{Error, measure::median};

const AGGREGATES: usize = 100;
const ROUNDS: usize = 5;

const SHARED: &str = "
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Status { Open, Closed }

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentError { AlreadyClosed, NotClosed, NotFound, AlreadyExists }
";

fn main() -> Result<(), Error> {
    let folder = tempfile::tempdir()?;
    let target = folder.path().join("target");
    let derived = make(folder.path(), "derived", include_str!("../templates/derived.rs.txt"))?;
    let by_hand = make(folder.path(), "by_hand", include_str!("../templates/by_hand.rs.txt"))?;
    // The dependencies, once; they do not count.
    check(&derived, &target)?;
    check(&by_hand, &target)?;
    let (mut ours, mut hand) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(check(&derived, &target)?);
        hand.push(check(&by_hand, &target)?);
    }
    let (a, b) = (median(&mut ours), median(&mut hand));
    println!("cargo check of {AGGREGATES} aggregates: factum {a:.2} s, by hand {b:.2} s, ratio {:.2}", a / b);
    Ok(())
}

/// A crate with the template as a module, many times.
fn make(folder: &Path, name: &str, template: &str) -> Result<PathBuf, Error> {
    let root = folder.join(name);
    let source = root.join("src");
    fs::create_dir_all(&source)?;
    let factum = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtime").canonicalize()?;
    fs::write(
        root.join("Cargo.toml"),
        format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
             factum = {{ path = {factum:?}, default-features = false }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n"
        ),
    )?;
    let mut lib = SHARED.to_owned();
    for number in 0..AGGREGATES {
        lib.push_str(&format!("pub mod incident_{number};\n"));
        fs::write(source.join(format!("incident_{number}.rs")), template)?;
    }
    fs::write(source.join("lib.rs"), lib)?;
    Ok(root)
}

/// Seconds of a `cargo check` after the crate was touched.
fn check(root: &Path, target: &Path) -> Result<f64, Error> {
    let lib = root.join("src/lib.rs");
    fs::write(&lib, fs::read(&lib)?)?;
    let began = Instant::now();
    let status = Command::new("cargo")
        .args(["check", "--quiet"])
        .current_dir(root)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_INCREMENTAL", "0")
        .status()?;
    if status.success() { Ok(began.elapsed().as_secs_f64()) } else { Err("cargo check failed".into()) }
}
