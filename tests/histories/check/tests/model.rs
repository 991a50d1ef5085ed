//! Histories that are right because they happened: calls of several clients that overlap as a seed says, each carried
//! out by the reference store at a moment between its start and its end.

use factum::store::MemoryStore;
use fastrand::Rng;

use crate::{
    ask::Tag,
    history::{Asked, History, Operation, Request, Response},
};

/// What the clients do, and how often it goes wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) clients: usize,
    pub(super) streams: usize,
    pub(super) operations: usize,
}

struct Open {
    operation: Operation,
    /// What the client will be told; `None`: it has not been carried out.
    done: Option<Response>,
    /// Nothing will be carried out.
    lost: bool,
    /// The answer is lost.
    unheard: bool,
}

/// A right history of this shape.
pub(super) fn history(seed: u64, shape: Shape) -> History {
    let mut dice = Rng::with_seed(seed);
    let store = MemoryStore::new();
    let tag = Tag(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ask = |request: &Request| runtime.block_on(tag.ask(&store, request)).unwrap();
    let mut open: Vec<Option<Open>> = (0..shape.clients).map(|_| None).collect();
    let mut late: Vec<Request> = Vec::new();
    let mut history = History::default();
    let (mut clock, mut begun) = (0, 0);
    while begun < shape.operations || open.iter().any(Option::is_some) {
        // What nobody waits for any more takes effect when it likes.
        if !late.is_empty() && dice.u8(..) < 40 {
            ask(&late.swap_remove(dice.usize(..late.len())));
        }
        let client = dice.usize(..shape.clients);
        clock += 1;
        match open[client].take() {
            None if begun < shape.operations => {
                begun += 1;
                let request = request(&mut dice, begun as u32, shape.streams, &ask);
                let is_append = matches!(request, Request::Append { .. });
                open[client] = Some(Open {
                    operation: Operation {
                        client,
                        handle: client % 2,
                        start: clock,
                        finish: 0,
                        request,
                        response: Response::Head(0),
                    },
                    done: None,
                    lost: is_append && dice.u8(..) < 50,
                    unheard: is_append && dice.u8(..) < 50,
                });
            }
            None => {}
            Some(mut call) if call.done.is_none() && !call.lost => {
                call.done = Some(ask(&call.operation.request));
                open[client] = Some(call);
            }
            Some(Open { mut operation, done, unheard, .. }) => {
                operation.finish = clock;
                operation.response = match done {
                    Some(response) if !unheard => response,
                    Some(_) => Response::Unknown("the answer was lost".to_owned()),
                    None if !unheard => Response::Failed("no connection".to_owned()),
                    None => {
                        late.push(operation.request.clone());
                        Response::Unknown("the request was lost, or is on its way".to_owned())
                    }
                };
                history.operations.push(operation);
            }
        }
    }
    let Response::All { events, .. } = ask(&Request::ReadAll { after: 0, limit: usize::MAX }) else {
        unreachable!()
    };
    history.log = events;
    // The reference counts real time, which has no part in the rest.
    let fix = |events: &mut Vec<crate::history::Seen>| events.iter_mut().for_each(|event| event.at = 0);
    fix(&mut history.log);
    for operation in &mut history.operations {
        if let Response::Stream { events, .. } | Response::All { events, .. } = &mut operation.response {
            fix(events);
        }
    }
    history
}

fn request(dice: &mut Rng, number: u32, streams: usize, ask: &impl Fn(&Request) -> Response) -> Request {
    let stream = dice.usize(..streams);
    let version = |stream| match ask(&Request::ReadStream { stream, from: 1, limit: usize::MAX }) {
        Response::Stream { events, .. } => events.len() as u64,
        _ => 0,
    };
    let head = || match ask(&Request::Head) {
        Response::Head(head) => head,
        _ => 0,
    };
    match dice.u8(..12) {
        0..=6 => {
            let several = streams.min(if dice.u8(..4) == 0 { 2 } else { 1 });
            let appends = (0..several).map(|more| {
                let stream = (stream + more) % streams;
                let expected = match dice.u8(..4) {
                    0 => None,
                    1 => Some(version(stream).saturating_sub(1)),
                    _ => Some(version(stream)),
                };
                Asked { stream, expected, events: dice.usize(1..4) }
            });
            Request::Append { commit: number, appends: appends.collect() }
        }
        7 | 8 => {
            let from = dice.u64(..version(stream) + 2);
            Request::ReadStream { stream, from, limit: dice.usize(1..20) }
        }
        9 | 10 => Request::ReadAll { after: dice.u64(..=head() as u64).into(), limit: dice.usize(1..20) },
        _ => Request::Head,
    }
}
