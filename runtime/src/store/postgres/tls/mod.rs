//! Encrypted connections: what `sslmode` and its companions ask for, and how it is carried out.

mod certificate;
mod stream;
pub(super) mod verify;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_rustls::rustls::{
    self, ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

pub(super) use self::stream::{Connector, Encrypted};
use self::verify::{Anybody, SignedBy};
use crate::store::{StoreError, StoreErrorKind};

/// Whether the connection is encrypted, and whether the server has to prove who it is. The modes of PostgreSQL's own
/// tools, under their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// `disable`: not encrypted.
    Disable,
    /// `prefer`, the default: encrypted if the server can, by whomever. It protects from those who listen by chance, and
    /// from nobody who wants to.
    #[default]
    Prefer,
    /// `require`: encrypted, by whomever. It protects from those who only listen. With a root certificate it is
    /// `verify-ca`, as in PostgreSQL's own tools.
    Require,
    /// `verify-ca`: encrypted, by somebody whose certificate was signed by the given root.
    VerifyCa,
    /// `verify-full`: encrypted, by the very host that the URL names. The one to use on a network that is not yours
    /// alone.
    VerifyFull,
}

impl SslMode {
    /// The mode of this name.
    pub(super) fn named(name: &str) -> Result<Self, StoreError> {
        Ok(match name {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            "allow" => {
                return Err(StoreError::invalid(
                    "`sslmode=allow` is not supported: use `prefer`, which also takes what the server gives",
                ));
            }
            _ => {
                return Err(StoreError::invalid(format!(
                    "`sslmode={name}` is not known: use `disable`, `prefer`, `require`, `verify-ca` or `verify-full`"
                )));
            }
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// Who may have signed the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// Whom the operating system trusts.
    System,
    File(PathBuf),
}

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tls {
    pub(super) mode: Option<SslMode>,
    pub(super) root: Option<Root>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

impl Tls {
    /// The mode in force. Who names a root wants the server to prove who it is.
    pub(super) fn mode(&self) -> SslMode {
        match (self.mode, &self.root) {
            (Some(SslMode::Require), Some(_)) => SslMode::VerifyCa,
            (Some(mode), _) => mode,
            (None, Some(_)) => SslMode::VerifyFull,
            (None, None) => SslMode::default(),
        }
    }

    /// Whether the parts go together: nothing that was asked for is left out without a word.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let mode = self.mode();
        let name = mode.name();
        if self.root.is_some() && mode < SslMode::Require {
            return Err(StoreError::invalid(format!(
                "`sslrootcert` says who must have signed the server's certificate, but `sslmode={name}` does not look at \
                 it: use `sslmode=verify-full`"
            )));
        }
        if mode == SslMode::VerifyCa && !matches!(self.root, Some(Root::File(_))) {
            return Err(StoreError::invalid(
                "`sslmode=verify-ca` is no protection with the roots of the operating system, which sign for everybody: \
                 name a root of your own with `sslrootcert=path`, or use `sslmode=verify-full`",
            ));
        }
        if self.certificate.is_some() != self.key.is_some() {
            return Err(StoreError::invalid(
                "a client certificate needs its key: use `sslcert=path` and `sslkey=path` together",
            ));
        }
        if self.certificate.is_some() && mode == SslMode::Disable {
            return Err(StoreError::invalid(
                "`sslcert` goes with an encrypted connection: use `sslmode=require` or stricter",
            ));
        }
        Ok(())
    }

    /// Reads the certificates. They are read for each connection, so that renewed ones are seen.
    pub(super) async fn connector(&self) -> Result<Connector, StoreError> {
        let tls = self.clone();
        match tokio::task::spawn_blocking(move || tls.config()).await {
            Ok(config) => Ok(Connector::new(config?)),
            Err(error) => Err(StoreError::invalid("the certificates were not read").because(error)),
        }
    }

    fn config(&self) -> Result<ClientConfig, StoreError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(not_usable)?;
        let builder = match self.mode() {
            SslMode::Disable | SslMode::Prefer | SslMode::Require => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
            }
            mode @ (SslMode::VerifyCa | SslMode::VerifyFull) => {
                let verifier = self.verifier(mode == SslMode::VerifyFull, provider)?;
                builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
            }
        };
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error))?;
                builder.with_client_auth_cert(chain, key).map_err(not_usable)
            }
            _ => Ok(builder.with_no_client_auth()),
        }
    }

    fn verifier(&self, names: bool, provider: Arc<CryptoProvider>) -> Result<SignedBy, StoreError> {
        let mut roots = RootCertStore::empty();
        let Some(Root::File(path)) = &self.root else {
            // Some of a platform's roots are often of no use; those that are will do.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(StoreError::new(
                    StoreErrorKind::Denied,
                    "the operating system has no root certificates (Debian: apt-get install ca-certificates): install \
                     them, or name one with `sslrootcert=path`",
                ));
            }
            return Ok(SignedBy { roots, themselves: Vec::new(), names, provider });
        };
        let themselves = certificates(path)?;
        for certificate in &themselves {
            roots.add(certificate.clone()).map_err(|error| unreadable(path, error))?;
        }
        Ok(SignedBy { roots, themselves, names, provider })
    }
}

/// The certificates of a PEM file; at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
    let certificates = read().map_err(|error| unreadable(path, error))?;
    if certificates.is_empty() {
        return Err(StoreError::invalid(format!("`{}` holds no certificate in PEM format", path.display())));
    }
    Ok(certificates)
}

fn unreadable(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::invalid(format!(
        "`{}` cannot be read as a certificate or key: see that it is there, is in PEM format, and has no passphrase",
        path.display()
    ))
    .because(error)
}

fn not_usable(error: rustls::Error) -> StoreError {
    StoreError::invalid("the client certificate cannot be used with its key").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(mode: Option<&str>, root: Option<Root>) -> Tls {
        Tls { mode: mode.map(|mode| SslMode::named(mode).unwrap()), root, ..Tls::default() }
    }

    #[test]
    fn who_names_a_root_has_it_looked_at() {
        let file = || Some(Root::File("root.pem".into()));
        for (mode, root, in_force) in [
            (None, None, Some(SslMode::Prefer)),
            (None, file(), Some(SslMode::VerifyFull)),
            (None, Some(Root::System), Some(SslMode::VerifyFull)),
            (Some("disable"), file(), None),
            (Some("prefer"), file(), None),
            (Some("require"), None, Some(SslMode::Require)),
            (Some("require"), file(), Some(SslMode::VerifyCa)),
            (Some("require"), Some(Root::System), None),
            (Some("verify-ca"), file(), Some(SslMode::VerifyCa)),
            (Some("verify-ca"), None, None),
            (Some("verify-full"), None, Some(SslMode::VerifyFull)),
        ] {
            let tls = tls(mode, root);
            assert_eq!(tls.check().is_ok().then(|| tls.mode()), in_force, "{tls:?}");
        }
    }

    #[test]
    fn a_certificate_and_its_key_go_together() {
        let certificate = Some(PathBuf::from("a"));
        assert!(Tls { certificate: certificate.clone(), ..Tls::default() }.check().is_err());
        assert!(Tls { key: certificate.clone(), ..Tls::default() }.check().is_err());
        let both = Tls { certificate: certificate.clone(), key: certificate, ..Tls::default() };
        both.check().unwrap();
        assert!(Tls { mode: Some(SslMode::Disable), ..both }.check().is_err());
    }
}
