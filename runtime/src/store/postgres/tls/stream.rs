//! Between the driver and rustls.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use ring::digest;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::{
    client,
    rustls::{ClientConfig, pki_types::ServerName},
};

use super::certificate::{self, Digest};
use crate::store::BoxFuture;

/// Makes connections encrypted.
#[derive(Clone)]
pub(in crate::store::postgres) struct Connector(tokio_rustls::TlsConnector);

impl Connector {
    pub(super) fn new(config: ClientConfig) -> Self {
        Self(Arc::new(config).into())
    }
}

impl<S> MakeTlsConnect<S> for Connector
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type TlsConnect = ToHost;
    type Error = std::convert::Infallible;

    fn make_tls_connect(&mut self, host: &str) -> Result<ToHost, Self::Error> {
        // Whether the name can be one is seen later: it is no matter where nothing is encrypted.
        Ok(ToHost { host: host.to_owned(), connector: self.0.clone() })
    }
}

pub(in crate::store::postgres) struct ToHost {
    host: String,
    connector: tokio_rustls::TlsConnector,
}

impl<S> TlsConnect<S> for ToHost
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Encrypted<S>>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let host = ServerName::try_from(self.host)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
            self.connector.connect(host, stream).await.map(Box::new).map(Encrypted)
        })
    }
}

/// An encrypted connection.
pub(in crate::store::postgres) struct Encrypted<S>(Box<client::TlsStream<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    /// Binds a SCRAM password to this connection, so that nobody who stands in between can hand it on.
    fn channel_binding(&self) -> ChannelBinding {
        let shown = self.0.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let bound = shown.and_then(|shown| {
            let algorithm = match certificate::digest(shown)? {
                Digest::Sha256 => &digest::SHA256,
                Digest::Sha384 => &digest::SHA384,
                Digest::Sha512 => &digest::SHA512,
            };
            Some(digest::digest(algorithm, shown).as_ref().to_vec())
        });
        bound.map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
