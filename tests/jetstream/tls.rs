//! Encrypted connections: who is not trusted is not talked to.

use factum::store::{Expected, StoreErrorKind};
use factum_tests::nats::Nats;

use super::{all, commit, refused::refusal};

fn url(server: &Nats, host: &str, options: &str) -> String {
    let directory = server.file("").display().to_string();
    format!("nats://{host}:{}/desk?{}", server.port(0), options.replace("DIR/", &directory))
}

#[tokio::test]
async fn the_server_has_to_be_trusted() {
    let Some(server) = Nats::encrypting(false) else { return };
    for options in ["tls_ca=DIR/root.crt", "tls=require&tls_ca=DIR/root.crt"] {
        let store = factum::open(&url(&server, "localhost", options)).await.unwrap();
        assert!(all(&store).await.len() < 2);
        let _ = store.append(commit("a", Expected::NoStream, 1)).await;
    }
    for (host, options) in [
        // Signed by nobody whom this machine trusts, by somebody else, and for another name.
        ("localhost", ""),
        ("localhost", "tls_ca=DIR/other.crt"),
        ("127.0.0.1", "tls_ca=DIR/root.crt"),
    ] {
        let (kind, message) = refusal(&url(&server, host, options)).await;
        assert_eq!(kind, StoreErrorKind::Denied, "{host} {options}: {message}");
        assert!(message.contains("`tls_ca`"), "{host} {options}: {message}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_encrypt_is_refused_where_that_is_required() {
    let Some(server) = Nats::shared() else { return };
    let url = format!("{}&tls=require", server.fresh());
    let (kind, message) = refusal(&url).await;
    assert_eq!(kind, StoreErrorKind::Denied, "{message}");
}

#[tokio::test]
async fn who_shows_a_certificate_is_let_in() {
    let Some(server) = Nats::encrypting(true) else { return };
    let shown = "tls_ca=DIR/root.crt&tls_cert=DIR/client.crt&tls_key=DIR/client.key";
    let store = factum::open(&url(&server, "localhost", shown)).await.unwrap();
    store.append(commit("a", Expected::NoStream, 1)).await.unwrap();
    let (kind, message) = refusal(&url(&server, "localhost", "tls_ca=DIR/root.crt")).await;
    assert!(matches!(kind, StoreErrorKind::Denied | StoreErrorKind::Unavailable), "{message}");
}
