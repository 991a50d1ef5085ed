//! Keeps views in a store, until it is killed: `reader URL NAME`. It tells on its standard output which build has come how
//! far.

use std::{
    env,
    io::{self, Write as _},
    sync::Arc,
};

use factum_faults::views;

#[tokio::main(worker_threads = 4)]
async fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [url, name] = arguments.as_slice() else { panic!("usage: reader URL NAME") };
    let store = factum::open(url).await.expect("the store can be opened");
    let appending: Vec<_> = (0..3)
        .map(|task| tokio::spawn(views::append(Arc::clone(&store), format!("{name}-{task}"))))
        .collect();
    views::step(views::read_store(&store), |generation, position| {
        // Standard output writes when it meets the end of a line.
        io::stdout()
            .lock()
            .write_all(format!("{generation} {position}\n").as_bytes())
            .expect("somebody listens");
    })
    .await;
    for task in appending {
        task.await.expect("it does not end");
    }
}
