//! As much of a certificate as binds a password to the connection.

use std::iter;

/// The algorithms by which certificates are signed (RFC 5758, 8017), without RSA with a hash of its own (PSS) and without
/// those that hash nothing (Ed25519): for them no binding is defined.
const ALGORITHMS: [(&[u8], Digest); 9] = {
    use Digest::{Sha256, Sha384, Sha512};
    [
        // MD5 and SHA-1 stand for SHA-256 here (RFC 5929).
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04], Sha256),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05], Sha256),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b], Sha256),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c], Sha384),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d], Sha512),
        (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01], Sha256),
        (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02], Sha256),
        (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03], Sha384),
        (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04], Sha512),
    ]
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    Sha256,
    Sha384,
    Sha512,
}

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;

/// The digest with which a server's certificate is bound to (RFC 5929, `tls-server-end-point`): the one that its own
/// signature was made with.
pub(super) fn digest(certificate: &[u8]) -> Option<Digest> {
    // Certificate ::= SEQUENCE { content SEQUENCE, algorithm SEQUENCE { OBJECT IDENTIFIER, … }, signature }
    let (certificate, _) = value(certificate, SEQUENCE)?;
    let (_, rest) = value(certificate, SEQUENCE)?;
    let (algorithm, _) = value(rest, SEQUENCE)?;
    let (name, _) = value(algorithm, OBJECT_IDENTIFIER)?;
    ALGORITHMS.iter().find(|(known, _)| *known == name).map(|(_, digest)| *digest)
}

/// The value in front, which must have this tag, and what follows it.
fn value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..0x80 => (usize::from(first), rest),
        _ => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            // Four bytes are more than any certificate has.
            let len = iter::once(&0).chain(bytes).fold(0, |len, byte| len << 8 | u64::from(*byte));
            (usize::try_from(len).ok().filter(|_| bytes.len() <= 4)?, rest)
        }
    };
    (found == tag).then(|| rest.split_at_checked(len))?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `SEQUENCE` of this.
    fn sequence(content: &[u8]) -> Vec<u8> {
        let len = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[SEQUENCE, 0x82], &len[..], content].concat()
    }

    fn signed_by(algorithm: &[u8]) -> Vec<u8> {
        let name = [&[OBJECT_IDENTIFIER, u8::try_from(algorithm.len()).unwrap()], algorithm].concat();
        sequence(&[sequence(&[7; 300]), sequence(&name), vec![3, 1, 0]].concat())
    }

    #[test]
    fn the_digest_of_a_signature_is_found() {
        for (algorithm, digest) in ALGORITHMS {
            assert_eq!(super::digest(&signed_by(algorithm)), Some(digest));
        }
        // Ed25519.
        assert_eq!(digest(&signed_by(&[0x2b, 0x65, 0x70])), None);
    }

    #[test]
    fn what_is_no_certificate_has_none() {
        let whole = signed_by(ALGORITHMS[2].0);
        for len in 0..whole.len() - 3 {
            assert_eq!(digest(&whole[..len]), None);
        }
        assert_eq!(digest(&[SEQUENCE, 0xff, 1, 2]), None);
        assert_eq!(digest(&[SEQUENCE, 0x85, 0xff, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
