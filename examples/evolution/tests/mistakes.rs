//! What the files in `mistakes/` say is what the compiler says. `EVOLUTION_BLESS=1` writes down what it says now.
#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::{env, fs, path::Path, process::Command};

use evolution::mistakes::{MISTAKES, Mistake};

const MANIFEST: &str = r#"
[package]
name = "library"
version = "0.0.0"
edition = "2024"

[dependencies]
factum = { path = "ROOT/runtime", default-features = false, features = ["testing"] }
serde = { version = "1", features = ["derive"] }
thiserror = "2"

[workspace]
"#;

/// Says what the compiler says of the domain with this mistake in it.
fn said(folder: &Path, root: &str, mistake: &Mistake) -> String {
    let domain = include_str!("../src/domain.rs");
    let gone = mistake.lines('-');
    assert_eq!(domain.matches(&gone).count(), 1, "{}: what goes is there once", mistake.file);
    fs::write(folder.join("src/domain.rs"), domain.replace(&gone, &mistake.lines('+'))).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--quiet", "--color", "never"])
        .current_dir(folder)
        .env_remove("FACTUM_LOCK")
        // Built once, also for the tests of the lock.
        .env("CARGO_TARGET_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/expand"))
        .output()
        .unwrap();
    assert!(!output.status.success(), "{} compiles", mistake.file);
    let text = String::from_utf8_lossy(&output.stderr).replace(root, "factum");
    let (text, _) = text.split_once("error: could not compile").unwrap();
    let text = text.split("For more information about").next().unwrap();
    format!("{}\n", text.trim())
}

#[test]
fn the_compiler_refuses_them_as_it_is_written() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = crate_folder.join("../..").canonicalize().unwrap();
    let root = root.to_str().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("library");
    let _ = fs::remove_dir_all(&folder);
    for folder in [folder.join("src"), folder.join("factum.lock")] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(folder.join("Cargo.toml"), MANIFEST.replace("ROOT", root)).unwrap();
    // The versions that are here already.
    fs::copy(format!("{root}/Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    fs::write(folder.join("src/lib.rs"), "pub mod domain;\n").unwrap();
    let lock = "factum.lock/member.events";
    fs::copy(crate_folder.join(lock), folder.join(lock)).unwrap();

    for mistake in &MISTAKES {
        let text = format!("{}\n\n{}", mistake.change(), said(&folder, root, mistake));
        if env::var_os("EVOLUTION_BLESS").is_some() {
            fs::write(crate_folder.join("mistakes").join(mistake.file), text).unwrap();
        } else {
            assert_eq!(mistake.text, text, "EVOLUTION_BLESS=1 takes what the compiler says now");
        }
    }
}
