//! Whether the server is who it should be.

use std::sync::Arc;

use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

/// Takes every certificate; whoever shows it must have its key, though.
#[derive(Debug)]
pub(super) struct Anybody(pub(super) Arc<CryptoProvider>);

/// Takes certificates that one of these roots has signed.
#[derive(Debug)]
pub(super) struct SignedBy {
    pub(super) roots: RootCertStore,
    /// The roots, as they are. A server that shows one of them need not be signed by anybody: that is what a certificate
    /// made by `openssl req -x509` is, which also says of itself that it is a root and no server.
    pub(super) themselves: Vec<CertificateDer<'static>>,
    /// Whether the certificate must be for the host.
    pub(super) names: bool,
    pub(super) provider: Arc<CryptoProvider>,
}

impl SignedBy {
    fn verify(
        &self,
        shown: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let certificate = ParsedCertificate::try_from(shown)?;
        if !self.themselves.contains(shown) {
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, between, now, algorithms)?;
        }
        if self.names {
            verify_server_name(&certificate, host)?;
        }
        Ok(())
    }
}

/// What both have in common: the signature of the handshake is looked at.
macro_rules! signatures {
    ($provider:tt) => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.$provider.signature_verification_algorithms;
            verify_tls12_signature(message, certificate, signed, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.$provider.signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signed, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.$provider.signature_verification_algorithms.supported_schemes()
        }
    };
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    signatures!(0);
}

impl ServerCertVerifier for SignedBy {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(shown, between, host, now).map(|()| ServerCertVerified::assertion())
    }

    signatures!(provider);
}

/// What to do about a handshake that failed.
pub(in crate::store::postgres) fn advice(error: &Error) -> &'static str {
    use CertificateError as Wrong;
    match error {
        Error::InvalidCertificate(Wrong::NotValidForName | Wrong::NotValidForNameContext { .. }) => {
            "the server's certificate is for another host: name the host as the certificate does, as one of its \
             alternative names (`subjectAltName`)"
        }
        Error::InvalidCertificate(
            Wrong::Expired
            | Wrong::ExpiredContext { .. }
            | Wrong::NotValidYet
            | Wrong::NotValidYetContext { .. },
        ) => "the server's certificate is not valid today: renew it, and see that the clock is right",
        Error::InvalidCertificate(_) => {
            "the server's certificate was signed by nobody that is trusted: name the root that did with `sslrootcert=path`"
        }
        Error::AlertReceived(_) => {
            "the server ended the handshake: it may want a client certificate (`sslcert` and `sslkey`), or another one"
        }
        _ => "an encrypted connection was not agreed on",
    }
}
