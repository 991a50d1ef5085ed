//! The help desk over HTTP.
//!
//! | file | what it does |
//! |---|---|
//! | `queries` | what is asked: the list, one incident, its past, the workload |
//! | `commands` | what is to be done |
//! | `live` | what happens, while it happens |
//! | `given` | what comes with a request: numbers, bodies, headers |
//! | `told` | what goes out: incidents and events as JSON |
//! | `problem` | what goes wrong, as `application/problem+json` |
//! | `page.html` | the page |

mod commands;
mod given;
mod live;
mod problem;
mod queries;
mod told;

use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    serve::ListenerExt,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    time::timeout,
};

use self::problem::Problem;
use crate::{desk::Desk, error::Result, screen::Screen};

/// How long an answer may take to begin, with what it takes to send the request's body.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// How long requests that are under way may go on when the service is stopped.
const FAREWELL: Duration = Duration::from_secs(10);

/// How many may watch live at the same time.
const WATCHERS: usize = 256;

/// What all requests share.
#[derive(Clone)]
struct Service {
    desk: Arc<Desk>,
    /// How many more may watch.
    watchers: Arc<Semaphore>,
    /// Whether the service is being stopped.
    stopping: watch::Receiver<bool>,
}

/// Serves until somebody interrupts or ends the program.
pub(crate) async fn run(desk: Arc<Desk>, address: SocketAddr, screen: &mut Screen) -> Result<()> {
    let stopped = told_to_stop()?;
    let listener =
        TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))?;
    screen.line(format_args!("serving {} on http://{}", desk.url, listener.local_addr()?))?;
    screen.flush()?;

    let (stop, stopping) = watch::channel(false);
    let service = Service { desk, watchers: Arc::new(Semaphore::new(WATCHERS)), stopping };
    let listener = listener.tap_io(|connection| {
        // What is live is sent in small pieces. That it comes a little later otherwise is no reason to refuse it.
        let _ = connection.set_nodelay(true);
    });
    let mut serving = pin!(
        axum::serve(listener, router(service)).with_graceful_shutdown(end_of(stop.subscribe())).into_future()
    );
    tokio::select! {
        served = &mut serving => return Ok(served?),
        () = stopped => stop.send_replace(true),
    };
    // Whoever is not done by then is cut off.
    if let Ok(served) = timeout(FAREWELL, serving).await {
        served?;
    }
    Ok(())
}

fn router(service: Service) -> Router {
    Router::new()
        .merge(queries::router())
        .merge(commands::router())
        .fallback(async || Problem::NoSuchPage)
        .method_not_allowed_fallback(async || Problem::NoSuchMethod)
        .layer(middleware::from_fn(in_time))
        .layer(DefaultBodyLimit::max(given::LARGEST_BODY))
        .with_state(service)
}

/// What takes too long is given up: somebody waits for the answer, and who sends a request bit by bit takes up room.
async fn in_time(request: Request, next: Next) -> Response {
    match timeout(TIME_LIMIT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::TooSlow.into_response(),
    }
}

/// When the service is being stopped.
async fn end_of(mut stopping: watch::Receiver<bool>) {
    // If nobody is there any more who could say so, it has come to an end as well.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// When somebody interrupts the program from the keyboard, or ends it.
#[cfg(unix)]
fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut end) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = end.recv() => (),
        }
    })
}

#[cfg(not(unix))]
fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Without a way to be told, it serves until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
