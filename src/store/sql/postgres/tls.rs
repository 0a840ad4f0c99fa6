//! TLS to PostgreSQL: which certificates a connection trusts.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// What is checked of the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Verify {
    /// Nothing: nobody can eavesdrop, but anybody could be the server.
    Nothing,
    /// That a trusted authority signed it.
    Authority,
    /// That, and that it is for this host.
    AuthorityAndName,
}

/// Which authorities are trusted.
#[derive(Clone, Debug)]
pub(in crate::store) enum Roots {
    /// Those that the machine trusts.
    System,
    /// Those in this file.
    File(PathBuf),
}

/// An error with its causes.
pub(in crate::store) fn chain(error: &(dyn Error + 'static)) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

pub(in crate::store) fn connector(
    verify: Verify,
    roots: &Roots,
) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(ring::default_provider());
    let inner = match verify {
        Verify::Nothing => None,
        Verify::Authority | Verify::AuthorityAndName => {
            let builder = WebPkiServerVerifier::builder_with_provider(
                Arc::new(trusted(roots)?),
                Arc::clone(&provider),
            );
            Some(builder.build().map_err(|error| chain(&error))?)
        }
    };
    let verifier = Verifier { inner, verify, provider: Arc::clone(&provider) };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| chain(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn trusted(roots: &Roots) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::System => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if store.is_empty() {
                return Err("the machine trusts no certificate authority; install \
                            ca-certificates, or name a file by sslrootcert=FILE"
                    .to_owned());
            }
        }
        Roots::File(path) => {
            let failed = |reason: &dyn std::fmt::Display| {
                format!("sslrootcert={}: {reason}", path.display())
            };
            let certificates =
                CertificateDer::pem_file_iter(path).map_err(|error| failed(&chain(&error)))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| failed(&chain(&error)))?;
                store.add(certificate).map_err(|error| failed(&chain(&error)))?;
            }
            if store.is_empty() {
                return Err(failed(&"there is no certificate in it (PEM is read)"));
            }
        }
    }
    Ok(store)
}

#[derive(Debug)]
struct Verifier {
    inner: Option<Arc<WebPkiServerVerifier>>,
    verify: Verify,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        match inner.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // The name is checked last, when everything else is right.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.verify == Verify::Authority => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
