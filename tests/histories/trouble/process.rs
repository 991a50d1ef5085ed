//! A handle in another process, which can be killed.
//!
//! The process is this test's own program, told to run one test only, [`serve`]. Questions and answers are lines of
//! JSON.

use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
};

use factum::{Position, store::BoxFuture};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::{
    ask::Tag,
    history::{Request, Response},
    run::Handle,
};

/// Where the other process finds the URL of its store.
const URL: &str = "FACTUM_HISTORIES_URL";

/// Before each line that is ours: the test harness writes to the standard output too.
const OURS: &str = "answer ";

#[derive(Debug, Serialize, Deserialize)]
enum Question {
    Ask(u64, Request),
    Wait(u128),
}

#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Ready,
    Response(Result<Response, String>),
    Woken,
}

/// A line, with a number by which the answer finds who asked.
type Line<T> = (u64, T);

pub(crate) struct Process {
    child: Mutex<Child>,
    questions: mpsc::Sender<Line<Question>>,
    asking: Arc<Mutex<Asking>>,
}

#[derive(Default)]
struct Asking {
    next: u64,
    /// `None`: the process has ended.
    waiting: Option<HashMap<u64, oneshot::Sender<Answer>>>,
}

impl Process {
    /// Starts a process that opens this store, and waits until it has.
    pub(crate) async fn start(url: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "trouble::process::serve", "--nocapture", "--test-threads=1"])
            .env(URL, url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (ready, is_ready) = oneshot::channel();
        let waiting = Some(HashMap::from([(0, ready)]));
        let asking = Arc::new(Mutex::new(Asking { next: 1, waiting }));
        let (questions, to_write) = mpsc::channel::<Line<Question>>();
        thread::spawn(move || {
            for line in to_write {
                // One who has been killed reads no more.
                if writeln!(input, "{}", serde_json::to_string(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        thread::spawn({
            let asking = Arc::clone(&asking);
            move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let Some((_, json)) = line.split_once(OURS) else { continue };
                    // The last line may have been cut.
                    let Ok((number, answer)) = serde_json::from_str::<Line<Answer>>(json) else { break };
                    let asker = lock(&asking).waiting.as_mut().and_then(|waiting| waiting.remove(&number));
                    if let Some(asker) = asker {
                        let _ = asker.send(answer);
                    }
                }
                lock(&asking).waiting = None;
            }
        });
        is_ready.await.expect("the other process opens the store");
        Self { child: Mutex::new(child), questions, asking }
    }

    async fn answer(&self, question: Question) -> Option<Answer> {
        let answered = {
            let mut asking = lock(&self.asking);
            let number = asking.next;
            asking.next += 1;
            let (asker, answered) = oneshot::channel();
            asking.waiting.as_mut()?.insert(number, asker);
            self.questions.send((number, question)).ok()?;
            answered
        };
        answered.await.ok()
    }
}

impl Handle for Process {
    fn ask<'a>(&'a self, tag: Tag, request: &'a Request) -> BoxFuture<'a, Result<Response, String>> {
        Box::pin(async move {
            match self.answer(Question::Ask(tag.0, request.clone())).await {
                Some(Answer::Response(response)) => response,
                _ if matches!(request, Request::Append { .. }) => {
                    Ok(Response::Unknown("the process was killed".to_owned()))
                }
                _ => Err("the process was killed".to_owned()),
            }
        })
    }

    fn wait(&self, after: u128) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.answer(Question::Wait(after)).await;
        })
    }

    fn kill(&self) -> BoxFuture<'_, ()> {
        let mut child = lock(&self.child);
        child.kill().unwrap();
        child.wait().unwrap();
        Box::pin(std::future::ready(()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = lock(&self.child);
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The other process. Run as a test among others, it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve() {
    let Ok(url) = env::var(URL) else { return };
    let store = factum::open(&url).await.unwrap();
    tell((0, Answer::Ready));
    let (questions, mut asked) = tokio::sync::mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if questions.send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = asked.recv().await {
        let (number, question): Line<Question> = serde_json::from_str(&line).unwrap();
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            tell((
                number,
                match question {
                    Question::Ask(tag, request) => {
                        let response = Tag(tag).ask(&*store, &request).await;
                        Answer::Response(response.map_err(|error| error.to_string()))
                    }
                    Question::Wait(after) => {
                        let _ = store.wait(Position::new(after)).await;
                        Answer::Woken
                    }
                },
            ));
        });
    }
}

/// One call, so that lines do not mix.
fn tell(line: Line<Answer>) {
    let line = format!("{OURS}{}\n", serde_json::to_string(&line).unwrap());
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}
