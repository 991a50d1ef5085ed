//! Processes are killed while they append.

use std::{
    collections::HashMap,
    io::BufReader,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use factum::store::{Commit, CommitId};
use factum_faults::{
    Ledger, Workload,
    report::{Report, WRITERS, name},
};
use fastrand::Rng;
use tempfile::tempdir;

use crate::{examine, open};

/// A process that writes, and the thread that listens to it.
struct Writers {
    child: Child,
    listener: JoinHandle<usize>,
    acknowledged: Arc<AtomicUsize>,
}

impl Writers {
    /// Starts the process of this name. Its writers go on with these workloads, which are followed here.
    fn start(
        directory: &Path,
        process: &str,
        seed: u64,
        workloads: Vec<Workload>,
        ledger: &Arc<Ledger>,
    ) -> Self {
        let url = format!("sqlite:{}/store.db", directory.display());
        let mut child = Command::new(env!("CARGO_BIN_EXE_writer"))
            .args([&url, process, &seed.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the process starts");
        let output = BufReader::new(child.stdout.take().expect("it was piped"));
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let listener = {
            let (ledger, acknowledged) = (Arc::clone(ledger), Arc::clone(&acknowledged));
            thread::spawn(move || listen(output, workloads, &ledger, &acknowledged))
        };
        Self { child, listener, acknowledged }
    }

    /// Waits until this many commits more were acknowledged.
    fn wait_for(&self, more: usize) {
        let enough = self.acknowledged.load(Ordering::Relaxed) + more;
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.acknowledged.load(Ordering::Relaxed) < enough {
            assert!(!self.listener.is_finished(), "the process ended by itself");
            assert!(Instant::now() < deadline, "the process does not append");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Kills the process. Gives the number of commits that were given to its store and not acknowledged.
    fn kill(mut self) -> usize {
        self.child.kill().expect("the process can be killed");
        let status = self.child.wait().expect("the process ends");
        assert_eq!(status.signal(), Some(9), "the process ended by itself");
        self.listener.join().expect("what the process told makes sense")
    }
}

/// Keeps the ledger until the process ends. Gives the number of commits that were given and not acknowledged.
fn listen(
    output: impl std::io::BufRead,
    mut workloads: Vec<Workload>,
    ledger: &Ledger,
    acknowledged: &AtomicUsize,
) -> usize {
    let mut open: HashMap<CommitId, Commit> = HashMap::new();
    for line in output.split(b'\n') {
        let line = String::from_utf8(line.expect("the pipe can be read")).expect("the line is text");
        let Report { writer, commit: id, places } = line.parse().expect("the line is a report");
        let workload = &mut workloads[writer];
        match places {
            None => {
                let commit = workload.commit();
                assert_eq!(commit.id, id, "the process makes other commits than this one");
                ledger.give(&commit);
                open.insert(id, commit);
            }
            Some(places) => {
                ledger.acknowledge(id, places);
                workload.recorded(&open.remove(&id).expect("it was given before"), None);
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    open.len()
}

/// Starts these processes, kills them at random moments, looks at the file; and again, with the file as it is.
async fn kill_again_and_again(processes: &[&str], rounds: u64) {
    let directory = tempdir().unwrap();
    let ledger = Arc::new(Ledger::default());
    let mut rng = Rng::with_seed(processes.len() as u64);
    let (mut kills, mut in_mid_append) = (0, 0);
    for round in 0..=rounds {
        let context = format!("{processes:?}, after {round} rounds");
        let store = open(directory.path()).await.unwrap_or_else(|error| panic!("{context}: {error}"));
        let findings = examine(directory.path(), &*store, &ledger.entries(), &context).await;
        assert!(findings.are_good(), "{context}: {findings:#?}");
        ledger.give_again(&*store).await.unwrap_or_else(|error| panic!("{context}: {error}"));
        if round == rounds {
            let findings = examine(directory.path(), &*store, &ledger.entries(), &context).await;
            assert!(findings.are_good(), "{context}: {findings:#?}");
            println!(
                "{kills} kills, {in_mid_append} of them in mid-append, {} commits acknowledged, {} events",
                ledger.acknowledged(),
                findings.events
            );
            break;
        }
        let mut running = Vec::new();
        for process in processes {
            let seed = rng.u64(..);
            let mut workloads = Vec::new();
            for writer in 0..WRITERS {
                workloads.push(Workload::resume(&*store, &name(process, writer), seed).await.unwrap());
            }
            running.push((process, seed, workloads));
        }
        drop(store);

        let mut running: Vec<_> = running
            .into_iter()
            .map(|(process, seed, workloads)| {
                Writers::start(directory.path(), process, seed, workloads, &ledger)
            })
            .collect();
        while !running.is_empty() {
            // All of those that are left append, whoever was killed.
            running.iter().for_each(|process| process.wait_for(15));
            thread::sleep(Duration::from_micros(rng.u64(..60_000)));
            let victim = running.swap_remove(rng.usize(..running.len()));
            kills += 1;
            in_mid_append += u64::from(victim.kill() > 0);
        }
    }
    assert!(kills >= 24);
    assert!(in_mid_append >= kills / 2, "only {in_mid_append} of {kills} kills hit in mid-append");
    assert!(ledger.acknowledged() >= 360, "only {} commits were acknowledged", ledger.acknowledged());
}

/// One process has the file.
#[tokio::test]
async fn one_process() {
    kill_again_and_again(&["one"], 24).await;
}

/// Two processes write to the file. One is killed, the other one goes on, and is killed later.
#[tokio::test]
async fn one_of_two_processes() {
    kill_again_and_again(&["one", "two"], 12).await;
}
