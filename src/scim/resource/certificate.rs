//! The outer form of X.509 certificates (RFC 5280 §4.1), for RFC 7643 §4.1.2:
//! "exactly one" certificate, so neither a chain nor anything else.
//!
//! Nothing is verified: the server trusts no certificate of a client, it keeps it.

use base64::{Engine, engine::general_purpose::STANDARD};

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const INTEGER: u8 = 0x02;
/// The explicit tag of the version.
const VERSION: u8 = 0xa0;

/// Whether `der` is one certificate: a sequence of what is signed, the
/// algorithm and the signature, and nothing behind it.
pub(super) fn is_certificate(der: &[u8]) -> bool {
    let parts = || {
        let (certificate, behind) = element(der, SEQUENCE)?;
        let (signed, rest) = element(certificate, SEQUENCE)?;
        let (_, rest) = element(rest, SEQUENCE)?;
        let (_, rest) = element(rest, BIT_STRING)?;
        (behind.is_empty() && rest.is_empty() && !signed.is_empty()).then_some(())
    };
    parts().is_some()
}

/// The serial number of a certificate in base64, as hexadecimal digits
/// (RFC 5280 §4.1.2.2).
pub fn certificate_serial(base64: &str) -> Option<String> {
    let der = STANDARD.decode(base64).ok()?;
    let (certificate, _) = element(&der, SEQUENCE)?;
    let (signed, _) = element(certificate, SEQUENCE)?;
    // Version 1 is not written.
    let fields = element(signed, VERSION).map_or(signed, |(_, rest)| rest);
    let (serial, _) = element(fields, INTEGER)?;
    Some(serial.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The content of the element with this tag that `der` begins with, and what
/// is behind it (X.690 §8.1, §10.1).
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // Longer than four gigabytes is no certificate; without a length is no DER.
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let value = |length: u64, digit: &u8| (length << 8) | u64::from(*digit);
            (usize::try_from(digits.iter().fold(0, value)).ok()?, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], length.as_slice(), content].concat()
    }

    #[test]
    fn a_certificate_is_three_parts_and_no_more() {
        // R110
        let signed = element(0x30, &[0x02, 0x01, 0x07]);
        let algorithm = [0x30, 0x00];
        let signature = element(0x03, &[0; 300]);
        let certificate = element(0x30, &[&signed, algorithm.as_slice(), &signature].concat());
        assert!(is_certificate(&certificate));

        for wrong in [
            Vec::new(),
            vec![0x30],
            vec![0x30, 0x80],
            vec![0x30, 0x85, 1, 1, 1, 1, 1],
            vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            b"junk".to_vec(),
            [certificate.clone(), certificate.clone()].concat(),
            certificate[..certificate.len() - 1].to_vec(),
            element(0x30, &certificate),
            element(0x30, &[&signed, algorithm.as_slice()].concat()),
            element(0x30, &[&signed, algorithm.as_slice(), &signature, &signature].concat()),
            element(0x31, &[&signed, algorithm.as_slice(), &signature].concat()),
        ] {
            assert!(!is_certificate(&wrong), "{wrong:x?}");
        }
    }

    #[test]
    fn the_serial_number_is_behind_the_version() {
        let serial = [0x02, 0x02, 0x00, 0xfe];
        let version = [0xa0, 0x03, 0x02, 0x01, 0x02];
        for (signed, expected) in [
            ([version.as_slice(), serial.as_slice()].concat(), Some("00fe")),
            (serial.to_vec(), Some("00fe")),
            (vec![0x30, 0x00], None),
        ] {
            let certificate = element(0x30, &element(0x30, &signed));
            let found = certificate_serial(&STANDARD.encode(certificate));
            assert_eq!(found.as_deref(), expected);
        }
        assert_eq!(certificate_serial("%"), None);
    }
}
