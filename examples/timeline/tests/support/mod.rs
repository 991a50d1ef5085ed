//! Repositories to import, and the program to import them with.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use fastrand::Rng;
use tempfile::TempDir;

/// A directory with a repository and a store in it.
pub(crate) struct Sandbox {
    directory: TempDir,
    store: String,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// With more options for `git init`.
    pub(crate) fn with(options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}", directory.path().join("timeline.db").display());
        let sandbox = Self { directory, store };
        let repository = sandbox.repository();
        let init =
            Command::new("git").args(["init", "-q", "-b", "main"]).args(options).arg(repository).status();
        assert!(init.unwrap().success());
        sandbox
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.directory.path().join("repository")
    }

    pub(crate) fn store(&self) -> &str {
        &self.store
    }

    /// The URL of another store in the same directory.
    pub(crate) fn other_store(&self) -> String {
        format!("sqlite:{}", self.directory.path().join("other.db").display())
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> Vec<u8> {
        let mut git = Command::new("git");
        git.arg("-C").arg(self.repository()).args(arguments);
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), "Ann").env(format!("GIT_{who}_EMAIL"), "ann@example.org");
        }
        let output = git.env_remove("GIT_DIR").output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    pub(crate) fn fast_import(&self, stream: &[u8]) {
        let mut git = Command::new("git");
        git.arg("-C").arg(self.repository()).args(["fast-import", "--quiet"]).env_remove("GIT_DIR");
        let mut git = git.stdin(Stdio::piped()).spawn().unwrap();
        git.stdin.take().unwrap().write_all(stream).unwrap();
        assert!(git.wait().unwrap().success());
    }

    /// The program, with the store of this sandbox.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        program(&self.store, arguments)
    }

    /// What the program prints; it is successful.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        text(succeed(self.program(arguments)))
    }

    /// What the program complains about; it fails.
    pub(crate) fn fail(&self, arguments: &[&str]) -> String {
        let output = self.program(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr.lines().count(), 1, "one line, not {stderr}");
        stderr
    }

    pub(crate) fn import(&self) -> String {
        self.run(&["import", self.repository().to_str().unwrap()])
    }

    /// Compares all trees.
    pub(crate) fn verify(&self) -> String {
        self.run(&["verify", self.repository().to_str().unwrap(), "--every", "1"])
    }
}

pub(crate) fn program(store: &str, arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_timeline"));
    program.args(arguments).args(["--store", store]);
    program
}

pub(crate) fn succeed(mut program: Command) -> Vec<u8> {
    let output: Output = program.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program:?}\n{stdout}{stderr}");
    output.stdout
}

pub(crate) fn text(output: Vec<u8>) -> String {
    String::from_utf8(output).unwrap()
}

/// The top of this project, if it is a repository.
pub(crate) fn this_project() -> Option<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    top.join(".git").exists().then_some(top)
}

/// Writes the history of a repository for `git fast-import`: a first line of commits with everything that can happen to
/// a path, and side lines that are merged.
pub(crate) struct Story {
    rng: Rng,
    stream: Vec<u8>,
    /// What is in the tree of the first line.
    paths: BTreeSet<Vec<u8>>,
    commits: u64,
    marks: u64,
    /// How many digits a hash has.
    digits: usize,
}

/// Names that are hard to pass on. Some are directories in the names of others.
const NAMES: [&[u8]; 14] = [
    b"a",
    b"a/b",
    b"a/b/c",
    b"a.b",
    b"a-b",
    "\u{fc}mlaut/\u{1f980}.txt".as_bytes(),
    b"with space",
    b"\"quoted\"",
    b"back\\slash",
    b"new\nline",
    b"tab\there",
    b"not \xff utf-8",
    b"100%",
    b"%41",
];

impl Story {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = Rng::with_seed(seed);
        Self { rng, stream: Vec::new(), paths: BTreeSet::new(), commits: 0, marks: 0, digits: 40 }
    }

    /// For a repository of SHA-256.
    pub(crate) fn sha256(mut self) -> Self {
        self.digits = 64;
        self
    }

    /// Adds so many commits to the first line, and some beside it.
    pub(crate) fn go_on(&mut self, commits: u64) -> Vec<u8> {
        for _ in 0..commits {
            let before = (self.marks > 0).then_some(self.marks);
            let side = before.filter(|_| self.rng.u8(0..12) == 0).map(|before| self.side_line(before));
            self.commit("main", before, side);
            self.changes();
        }
        std::mem::take(&mut self.stream)
    }

    fn side_line(&mut self, from: u64) -> u64 {
        let mut parent = from;
        for _ in 0..self.rng.u64(1..4) {
            self.commit("side", Some(parent), None);
            let content = self.content();
            self.modify(b"100644", format!("side/{}", self.marks % 7).as_bytes(), &content);
            parent = self.marks;
        }
        parent
    }

    fn commit(&mut self, branch: &str, parent: Option<u64>, merged: Option<u64>) {
        self.commits += 1;
        self.marks += 1;
        let mut head = format!("commit refs/heads/{branch}\nmark :{}\n", self.marks);
        let seconds = 1_600_000_000 + self.commits * 60;
        let _ = writeln!(head, "committer D\u{f6}ra <dora@example.org> {seconds} +0200");
        let message = format!("Commit {}\n\nwith a body", self.marks);
        let _ = write!(head, "data {}\n{message}\n", message.len());
        let mut line = |word, mark: Option<u64>| mark.map(|mark| writeln!(head, "{word} :{mark}"));
        line("from", parent);
        line("merge", merged);
        self.stream.extend(head.into_bytes());
    }

    /// Changes as many paths as it may, perhaps none.
    fn changes(&mut self) {
        for _ in 0..self.rng.u64(0..5) {
            let known: Vec<_> = self.paths.iter().cloned().collect();
            let some = self.rng.choice(&known).cloned();
            match (self.rng.u8(0..10), some) {
                (0 | 1, Some(path)) => self.delete(&path),
                (2, Some(path)) => self.rename(&path),
                (3..6, Some(path)) => self.write(&path),
                _ => {
                    let path = self.new_path();
                    self.write(&path);
                }
            }
        }
    }

    fn new_path(&mut self) -> Vec<u8> {
        match self.rng.u8(0..2) {
            0 => NAMES[self.rng.usize(0..NAMES.len())].to_vec(),
            _ => format!("src/{}/{}.rs", self.rng.u8(0..5), self.rng.u16(0..300)).into_bytes(),
        }
    }

    fn write(&mut self, path: &[u8]) {
        self.clear_the_way(path);
        self.paths.insert(path.to_vec());
        match self.rng.u8(0..8) {
            0 => self.modify(b"120000", path, b"a/link"),
            1 => self.submodule(path),
            2 => {
                let content = self.content();
                self.modify(b"100755", path, &content);
            }
            _ => {
                let content = self.content();
                self.modify(b"100644", path, &content);
            }
        }
    }

    /// A file takes the place of a directory, and a directory that of a file.
    fn clear_the_way(&mut self, path: &[u8]) {
        let inside =
            |outer: &[u8], inner: &[u8]| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with(b"/"));
        self.paths.retain(|other| !inside(other, path) && !inside(path, other));
    }

    fn content(&mut self) -> Vec<u8> {
        // Few enough that the same content comes again.
        format!("content {}\n", self.rng.u16(0..400)).into_bytes()
    }

    fn modify(&mut self, mode: &[u8], path: &[u8], content: &[u8]) {
        self.line(&[b"M ", mode, b" inline ", &quote(path)]);
        self.line(&[b"data ", content.len().to_string().as_bytes()]);
        self.line(&[content]);
    }

    fn submodule(&mut self, path: &[u8]) {
        let hash: String = (0..self.digits).map(|_| self.rng.digit(16)).collect();
        self.line(&[b"M 160000 ", hash.as_bytes(), b" ", &quote(path)]);
    }

    fn delete(&mut self, path: &[u8]) {
        self.paths.remove(path);
        self.line(&[b"D ", &quote(path)]);
    }

    fn rename(&mut self, path: &[u8]) {
        let to = format!("renamed/{}", self.rng.u16(0..1000)).into_bytes();
        if self.paths.insert(to.clone()) {
            self.paths.remove(path);
            self.line(&[b"R ", &quote(path), b" ", &quote(&to)]);
        }
    }

    fn line(&mut self, parts: &[&[u8]]) {
        parts.iter().for_each(|part| self.stream.extend_from_slice(part));
        self.stream.push(b'\n');
    }
}

/// A path in the way of C.
fn quote(path: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for byte in path {
        match byte {
            b'"' | b'\\' => quoted.extend([b'\\', *byte]),
            b' '..=b'~' => quoted.push(*byte),
            _ => quoted.extend(format!("\\{byte:03o}").into_bytes()),
        }
    }
    quoted.push(b'"');
    quoted
}
