//! Writes to a store, with several writers at once, until it is killed: `writer URL NAME SEED`.
//!
//! It tells on its standard output what it is about to append and what was acknowledged, as `Report`s, each in one
//! system call before it goes on.

use std::{
    env,
    io::{self, Write as _},
    sync::Arc,
};

use factum::Store;
use factum_faults::{
    Workload,
    report::{Report, WRITERS, name},
};

#[tokio::main(worker_threads = 4)]
async fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [url, process, seed] = arguments.as_slice() else { panic!("usage: writer URL NAME SEED") };
    let seed = seed.parse().expect("the seed is a number");
    let store = factum::open(url).await.expect("the store can be opened");
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(Arc::clone(&store), writer, name(process, writer), seed)))
        .collect();
    for writer in writers {
        writer.await.expect("a writer does not end");
    }
}

async fn write(store: Arc<dyn Store>, writer: usize, name: String, seed: u64) {
    let mut workload = Workload::resume(&*store, &name, seed).await.expect("the stream can be read");
    loop {
        let commit = workload.commit();
        tell(&Report::given(writer, &commit));
        let committed = store.append(commit.clone()).await.expect("the disk is well");
        tell(&Report::acknowledged(writer, &commit, &committed));
        workload.recorded(&commit, Some(&committed));
    }
}

/// Standard output writes when it meets the end of a line.
fn tell(report: &Report) {
    io::stdout().lock().write_all(format!("{report}\n").as_bytes()).expect("somebody listens");
}
